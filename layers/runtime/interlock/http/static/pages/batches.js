// Batches, newest first.
import { html, useState } from '../lib.js';
import { BATCH_FINAL, get } from '../api.js';
import { NONE, ago, date, number } from '../format.js';
import { useLoaded } from '../loading.js';
import { href } from '../router.js';
import { CountsBar, doneOf } from '../parts/counts.js';
import { LoadProblem } from '../parts/problem.js';
import { Status } from '../parts/status.js';

const LIMIT = 25;
const LIVE_MS = 1_500;
const CALM_MS = 5_000;

const NONE_YET = html`<p class="empty">
  No batches yet. A batch runs one tool on many inputs. <a href="#/batches/new">Submit one</a>.
</p>`;

export function BatchesPage({ query }) {
  const cursor = query.get('cursor');
  const [everyMs, setEveryMs] = useState(CALM_MS);
  const load = async (signal) => {
    const page = await get(`batches?${new URLSearchParams({ limit: LIMIT, ...(cursor && { cursor }) })}`, { signal });
    setEveryMs(page.batches.some(({ status }) => !BATCH_FINAL.includes(status)) ? LIVE_MS : CALM_MS);
    return page;
  };
  const { value, error } = useLoaded(load, [cursor], everyMs);
  return html`
    <div class="page-head"><h1>Batches</h1><a class="button" href="#/batches/new">New batch…</a></div>
    <${LoadProblem} error=${error} />
    ${value && (value.batches.length > 0 ? html`<${BatchTable} batches=${value.batches} />` : NONE_YET)}
    ${
      value &&
      html`<nav class="pages" aria-label="Pages">
      ${cursor && html`<a href="#/batches">Newest</a>`}
      ${value.next_cursor && html`<a href=${href(['batches'], { cursor: value.next_cursor })}>Older</a>`}
    </nav>`
    }
    ${!value && !error && html`<p class="faint" role="status">Loading…</p>`}`;
}

const BatchTable = ({ batches }) => html`<div class="scroll">
  <table class="jobs">
    <thead><tr>
      <th scope="col">Status</th><th scope="col">Tool</th><th scope="col">Items</th>
      <th scope="col" class="wide figure">Failed</th><th scope="col" class="wide">Created</th>
    </tr></thead>
    <tbody>${batches.map((batch) => html`<${Row} key=${batch.batch_id} batch=${batch} />`)}</tbody>
  </table>
</div>`;

function Row({ batch }) {
  const failed = batch.counts.failed + batch.counts.timed_out;
  return html`<tr data-batch=${batch.batch_id}>
    <td><${Status} of=${batch.status} /></td>
    <td><a href=${href(['batches', batch.batch_id])}>${batch.plugin}.<wbr />${batch.tool}<span class="unseen"> ${batch.batch_id}</span></a></td>
    <td class="items-cell"><span>${batch.total == null ? NONE : `${number(doneOf(batch))} of ${number(batch.total)}`}</span><${CountsBar} batch=${batch} /></td>
    <td class="wide figure">${failed ? number(failed) : NONE}</td>
    <td class="wide"><time datetime=${batch.created_at} title=${date(batch.created_at)}>${ago(batch.created_at)}</time></td>
  </tr>`;
}
