// The frame around all pages: navigation, theme, and the way out.
import { html, useState } from '../lib.js';
import { THEMES, chooseTheme, theme } from '../theme.js';

const SECTIONS = [
  ['plugins', 'Plugins', 'M4 5h7v7H4zM13 5h7v7h-7zM4 14h7v5H4zM13 14h7v5h-7z'],
  ['jobs', 'Jobs', 'M4 6h16M4 12h11M4 18h7'],
  ['batches', 'Batches', 'M5 4h10v10H5zM9 18h10V8'],
  ['access', 'Access', 'M15 9a3 3 0 1 0 .01 0M13 11l-8 8M8 16l2 2'],
];

export const Mark = () => html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
  <path class="mark-a" d="M19 12V8a4 4 0 0 0-4-4H8a4 4 0 0 0-4 4v7a4 4 0 0 0 4 4h4" />
  <path class="mark-b" d="M13 20v4a4 4 0 0 0 4 4h7a4 4 0 0 0 4-4v-7a4 4 0 0 0-4-4h-4" />
</svg>`;

export function ThemeSwitch() {
  const [chosen, setChosen] = useState(theme);
  const choose = (event) => {
    chooseTheme(event.target.value);
    setChosen(event.target.value);
  };
  return html`<label class="theme">
    <span>Theme</span>
    <select value=${chosen} onChange=${choose}>
      ${THEMES.map((one) => html`<option value=${one}>${one.charAt(0).toUpperCase() + one.slice(1)}</option>`)}
    </select>
  </label>`;
}

export const Frame = ({ section, onSignOut, children }) => html`
  <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
  <header class="side">
    <a class="brand" href="#/plugins"><${Mark} />Interlock</a>
    <nav aria-label="Sections">
      ${SECTIONS.map(
        ([name, title, path]) => html`<a href=${`#/${name}`} aria-current=${name === section ? 'page' : undefined}>
          <svg viewBox="0 0 24 24" aria-hidden="true"><path d=${path} /></svg>${title}
        </a>`,
      )}
    </nav>
    <div class="side-end">
      <${ThemeSwitch} />
      <button class="quiet" onClick=${onSignOut}>Forget the key</button>
    </div>
  </header>
  <main id="main" tabindex="-1">${children}</main>
`;

// The hash is the page's address, so that it cannot be the place to jump to.
function skip(event) {
  event.preventDefault();
  document.getElementById('main').focus();
}
