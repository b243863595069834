// The key that all requests are sent with, kept until the tab is closed.
import { html, useState } from '../lib.js';
import { call, keepKey } from '../api.js';
import { Mark, ThemeSwitch } from '../parts/frame.js';

export function SignIn({ refusal, onAccepted }) {
  const [problem, setProblem] = useState(refusal);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    const entered = new FormData(event.target).get('key').trim();
    if (!entered) return setProblem('Enter a key.');
    setBusy(true);
    try {
      await accepted(entered);
      keepKey(entered);
      onAccepted();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  return html`<main class="sign-in" id="main">
    <form onSubmit=${submit} noValidate>
      <h1><${Mark} />Interlock</h1>
      <p>Enter an API key. It stays in this tab, and is forgotten when you close it.</p>
      <div class="field">
        <label for="key">API key</label>
        <input id="key" name="key" type="password" autocomplete="off" spellcheck=${false} autofocus class="mono"
          aria-invalid=${problem ? 'true' : undefined} aria-describedby=${problem ? 'key-error' : 'key-help'} />
        ${problem && html`<p class="field-error" id="key-error" role="alert">${problem}</p>`}
        <p class="help" id="key-help">The local stack prints its key when it starts. An operator creates others with <code>interlock keys create</code>.</p>
      </div>
      <button class="primary" disabled=${busy}>${busy ? 'Checking…' : 'Continue'}</button>
    </form>
    <${ThemeSwitch} />
  </main>`;
}

/** A key without the scope for plugins is valid as well. */
async function accepted(entered) {
  try {
    await call('GET', 'plugins', { as: entered });
  } catch (error) {
    if (error.status !== 403) throw error;
  }
}
