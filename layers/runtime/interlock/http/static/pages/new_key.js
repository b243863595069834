// The form for a new key. Limits that are left out are those of the key that creates it.
import { html, useId, useState } from '../lib.js';
import { call } from '../api.js';
import { LoadProblem } from '../parts/problem.js';

const SCOPES = ['execute', 'jobs:read', 'jobs:cancel', 'plugins:read', 'admin'];
const DAY_S = 86_400;
const LIFETIMES = [
  ['7 days', 7 * DAY_S],
  ['30 days', 30 * DAY_S],
  ['90 days', 90 * DAY_S],
  ['a year', 365 * DAY_S],
  ['as long as this key works', ''],
];
const START = { name: '', scopes: ['execute', 'jobs:read'], expires: String(90 * DAY_S), rate: '', concurrency: '' };

const bodyOf = ({ name, scopes, expires, rate, concurrency }) => ({
  scopes,
  ...(name.trim() && { name: name.trim() }),
  ...(expires && { expires_in_s: Number(expires) }),
  ...(rate.trim() && { rate: rate.trim() }),
  ...(concurrency.trim() && { concurrency: Number(concurrency) }),
});

export function NewKey({ onCreated, onCancel }) {
  const [values, setValues] = useState(START);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const problems = error?.error?.details?.errors ?? [];
  const refuse = (path, message) => setError({ error: { details: { errors: [{ path, message }] } } });
  const change = (name) => (event) => setValues({ ...values, [name]: event.target.value });
  const submit = async (event) => {
    event.preventDefault();
    if (!/^\d*$/.test(values.concurrency.trim())) return refuse('/concurrency', 'Must be a whole number.');
    if (!values.scopes.length) return refuse('/scopes', 'Choose at least one.');
    setBusy(true);
    setError(null);
    try {
      onCreated((await call('POST', 'keys', { body: bodyOf(values) })).body);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const toggle = (scope) => {
    const others = values.scopes.filter((one) => one !== scope);
    setValues({ ...values, scopes: others.length < values.scopes.length ? others : [...others, scope] });
  };
  const shared = { values, change, problems };
  return html`<form class="form new-key" onSubmit=${submit} noValidate aria-label="New key">
    <${Field} ...${shared} name="name" label="Name" note="optional" help="What or whom it is for." />
    <fieldset class="field chips"><legend>Scopes</legend>
      ${SCOPES.map((scope) => html`<label class="chip"><input type="checkbox" checked=${values.scopes.includes(scope)} onChange=${() => toggle(scope)} />${scope}</label>`)}
      <${Problems} of=${problems} name="scopes" />
    </fieldset>
    <div class="columns">
      <${Field} ...${shared} name="expires" label="Expires" problem="expires_in_s" options=${LIFETIMES} />
      <${Field} ...${shared} name="rate" label="Rate" note="optional" help="Requests per second, minute or hour: 10/s, 600/m." />
      <${Field} ...${shared} name="concurrency" label="Unfinished jobs" note="optional" mode="numeric" help="At a time." />
    </div>
    ${error && !problems.length && html`<${LoadProblem} error=${error} />`}
    <div class="form-actions">
      <button class="primary" disabled=${busy}>${busy ? 'Creating…' : 'Create the key'}</button>
      <button type="button" onClick=${onCancel}>Cancel</button>
    </div>
  </form>`;
}

function Field({ values, change, problems, name, label, note, help, options, mode, problem = name }) {
  const id = useId();
  const wrong = problems.some(({ path }) => path.startsWith(`/${problem}`));
  const described = [help && `${id}-about`, wrong && `${id}-error`].filter(Boolean).join(' ') || undefined;
  const shared = { id, 'aria-describedby': described, 'aria-invalid': wrong ? 'true' : undefined };
  return html`<div class="field" data-path=${`/${problem}`}>
    <label for=${id}>${label} ${note && html`<span class="note">${note}</span>`}</label>
    ${
      options
        ? html`<select ...${shared} value=${values[name]} onChange=${change(name)}>
            ${options.map(([text, value]) => html`<option value=${value}>${text}</option>`)}
          </select>`
        : html`<input ...${shared} value=${values[name]} inputmode=${mode} autocomplete="off" onInput=${change(name)} />`
    }
    ${help && html`<p class="help" id=${`${id}-about`}>${help}</p>`}
    <${Problems} of=${problems} name=${problem} id=${`${id}-error`} />
  </div>`;
}

const Problems = ({ of, name, id }) => {
  const own = of.filter(({ path }) => path.startsWith(`/${name}`));
  return own.length > 0 && html`<p class="field-error" id=${id} role="alert">${own.map(({ message }) => message).join('; ')}</p>`;
};
