// What the current key may do, and the keys of its tenant.
import { html } from '../lib.js';
import { call, key } from '../api.js';
import { useLoaded } from '../loading.js';
import { Code } from '../parts/code.js';
import { LoadProblem } from '../parts/problem.js';
import { Keys } from './keys.js';

const NO_JOB = '0'.repeat(26);

/** Requests that change nothing: the scope is checked before the body, and there is no such job. */
const SCOPES = [
  { scope: 'plugins:read', about: 'List plugins, their schemas and their health', ask: ['GET', 'plugins'] },
  { scope: 'execute', about: 'Run tools, submit jobs, upload files', ask: ['POST', 'execute', { body: {} }] },
  { scope: 'jobs:read', about: 'Read jobs, results and logs of this tenant', ask: ['GET', 'jobs?limit=1'] },
  { scope: 'jobs:cancel', about: 'Cancel jobs of this tenant', ask: ['POST', `jobs/${NO_JOB}/cancel`] },
  { scope: 'admin', about: 'All of it, and create and revoke keys of this tenant', ask: ['GET', 'keys?limit=1'] },
];

async function allowed({ ask: [method, path, options] }, signal) {
  try {
    await call(method, path, { ...options, signal });
    return true;
  } catch (error) {
    if (error.status === 403) return false;
    if (error.status === 400 || error.status === 404) return true;
    throw error;
  }
}

const load = (signal) => Promise.all(SCOPES.map((one) => allowed(one, signal)));

const COMMANDS = `# Keys of any tenant, for operators: add --stack NAME for a deployed stack.
interlock keys create --tenant acme --scopes execute,jobs:read --expires 90d --rate 10/s --concurrency 4
interlock keys list
interlock keys rotate KEY_ID --overlap 1h
interlock keys revoke KEY_ID`;

export function AccessPage() {
  const { value, error } = useLoaded(load, []);
  return html`
    <div class="page-head"><h1>Access</h1></div>
    ${value?.at(-1) && html`<${Keys} />`}
    <section class="panel" aria-labelledby="scopes-title">
      <h2 id="scopes-title">What this key may do</h2>
      <p class="faint">The key that ends in <code>…${key().slice(-4)}</code>.</p>
      <${LoadProblem} error=${error} />
      <ul class="scopes">${SCOPES.map(
        ({ scope, about }, index) => html`<li data-scope=${scope}>
        <span class=${`verdict ${value ? (value[index] ? 'tone-good' : 'tone-bad') : ''}`}>${value ? (value[index] ? 'Allowed' : 'Not allowed') : '…'}</span>
        <code>${scope}</code><span>${about}</span>
      </li>`,
      )}</ul>
    </section>
    <section class="panel" aria-labelledby="commands-title">
      <h2 id="commands-title">Keys from the terminal</h2>
      <p>Keys without the scope <code>admin</code> are given out by the administrators of their tenant, or by the operator of the stack.</p>
      <${Code} text=${COMMANDS} label="Commands for keys" />
    </section>`;
}
