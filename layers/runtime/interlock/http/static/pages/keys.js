// The keys of the tenant: create one, which is shown once, and revoke one. For the scope `admin`.
import { html, useState } from '../lib.js';
import { call, get, key as ownKey } from '../api.js';
import { NONE, ago, date, number } from '../format.js';
import { useLoaded } from '../loading.js';
import { CopyButton } from '../parts/code.js';
import { Confirm } from '../parts/dialog.js';
import { LoadProblem } from '../parts/problem.js';
import { Status } from '../parts/status.js';
import { NewKey } from './new_key.js';

const MOST_PAGES = 20;

async function load(signal) {
  const keys = [];
  let cursor = '';
  for (let page = 0; page < MOST_PAGES && cursor !== null; page += 1) {
    const found = await get(`keys?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, { signal });
    keys.push(...found.keys);
    cursor = found.next_cursor;
  }
  return keys;
}

export function Keys() {
  const [changes, setChanges] = useState(0);
  const [adding, setAdding] = useState(false);
  const [created, setCreated] = useState(null);
  const [old, setOld] = useState(false);
  const { value, error } = useLoaded(load, [changes]);
  const changed = () => setChanges((count) => count + 1);
  const made = (key) => {
    setAdding(false);
    setCreated(key);
    changed();
  };
  const over = value?.filter(({ state }) => state !== 'active') ?? [];
  const shown = value?.filter(({ state }) => old || state === 'active');
  return html`<section class="panel" aria-labelledby="keys-title">
    <div class="section-head">
      <h2 id="keys-title">Keys of this tenant</h2>
      ${!adding && html`<button class="small" onClick=${() => setAdding(true)}>New key…</button>`}
    </div>
    ${created && html`<${Created} of=${created} onDone=${() => setCreated(null)} />`}
    ${adding && html`<${NewKey} onCreated=${made} onCancel=${() => setAdding(false)} />`}
    <${LoadProblem} error=${error} />
    ${!value && !error && html`<p class="faint" role="status">Loading…</p>`}
    ${shown && html`<${KeyTable} keys=${shown} onRevoked=${changed} />`}
    ${
      over.length > 0 &&
      html`<label class="inline"><input type="checkbox" checked=${old} onChange=${() => setOld(!old)} />
      Show the expired and revoked ones (${over.length})</label>`
    }
  </section>`;
}

const Created = ({ of, onDone }) => html`<div class="created" role="status">
  <p><strong>The key was created.</strong> Copy it now: it is shown this once, and is not stored.</p>
  <div class="created-key"><code>${of.key}</code><${CopyButton} text=${of.key} label="Copy the key" /></div>
  <button class="quiet small" onClick=${onDone}>Done</button>
</div>`;

const KeyTable = ({ keys, onRevoked }) => html`<div class="scroll">
  <table class="keys">
    <thead><tr>
      <th scope="col">Key</th><th scope="col" class="wide">State</th><th scope="col">Scopes</th>
      <th scope="col" class="wide">Limits</th><th scope="col" class="wide">Created</th><th scope="col" class="wide">Expires</th>
      <th scope="col"><span class="unseen">Actions</span></th>
    </tr></thead>
    <tbody>${keys.map((one) => html`<${Row} key=${one.key_id} of=${one} onRevoked=${onRevoked} />`)}</tbody>
  </table>
</div>`;

/** The end of a key is all that is known of it here. */
const isOwn = (key) => Boolean(ownKey()?.endsWith(key.hint));
const nameOf = (key) => key.name ?? `…${key.hint}`;

function Row({ of, onRevoked }) {
  const [asking, setAsking] = useState(false);
  return html`<tr data-key=${of.key_id}>
    <td>${of.name && html`<strong class="key-name">${of.name}</strong>`}<code title=${of.key_id}>…${of.hint}</code>${isOwn(of) && html` <span class="note">this key</span>`}</td>
    <td class="wide"><${Status} of=${of.state} /></td>
    <td>${of.scopes.includes('admin') ? 'admin' : of.scopes.join(', ')}</td>
    <td class="wide">${limitsOf(of)}</td>
    <td class="wide"><${Time} at=${of.created_at} /></td>
    <td class="wide">${of.expires_at ? html`<${Time} at=${of.expires_at} />` : 'never'}</td>
    <td class="figure">${
      of.state === 'active' &&
      html`<button class="small danger" onClick=${() => setAsking(true)}>Revoke<span class="unseen"> ${nameOf(of)}</span></button>`
    }
    ${asking && html`<${Revoke} of=${of} onEnd=${() => setAsking(false)} onRevoked=${onRevoked} />`}</td>
  </tr>`;
}

const limitsOf = ({ rate, concurrency }) =>
  [rate, concurrency && `${number(concurrency)} jobs`].filter(Boolean).join(', ') || NONE;

const Time = ({ at }) => (at ? html`<time datetime=${at} title=${date(at)}>${ago(at)}</time>` : NONE);

function Revoke({ of, onEnd, onRevoked }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const revoke = async () => {
    setBusy(true);
    try {
      await call('DELETE', `keys/${encodeURIComponent(of.key_id)}`);
      onEnd();
      onRevoked();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return html`<${Confirm} title=${`Revoke the key ${nameOf(of)}?`} action="Revoke it" busy=${busy} onConfirm=${revoke} onCancel=${onEnd}>
    <p>Whoever uses it gets 401 within seconds. This cannot be undone. Jobs that were submitted with it go on.</p>
    ${isOwn(of) && html`<p class="fix"><strong>It ends like the key that you use now.</strong> If it is that key, this page asks for another one.</p>`}
    <${LoadProblem} error=${error} />
  <//>`;
}
