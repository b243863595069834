// The lines that a tool has written, newest at the end.
import { html, useEffect, useRef } from '../lib.js';
import { clock } from '../format.js';

const NEAR_END = 24;

export function Log({ events, done }) {
  const lines = events.filter(({ type }) => type === 'log' || type === 'dropped');
  const box = useRef();
  const atEnd = useRef(true);
  // Follow the end, unless the user has scrolled back.
  useEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines.length]);
  if (!lines.length) return html`<p class="faint">${done ? 'The tool wrote nothing.' : 'Nothing yet.'}</p>`;
  const scrolled = ({ target }) => {
    atEnd.current = target.scrollHeight - target.scrollTop - target.clientHeight < NEAR_END;
  };
  return html`<div class="log" ref=${box} tabindex="0" role="log" aria-label="Log of the tool" onScroll=${scrolled}><ol>
    ${lines.map(
      (line) => html`<li key=${line.seq} class=${`log-${line.level ?? 'info'}`}>
      <time datetime=${line.at}>${clock(line.at)}</time>
      <span class="log-level">${line.type === 'dropped' ? 'dropped' : line.level}</span>
      <span class="log-text">${line.message}</span>
    </li>`,
    )}
  </ol></div>`;
}
