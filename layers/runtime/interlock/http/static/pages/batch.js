// One batch, live: status, counts, cancel, results, and the way to its jobs.
import { html, useState } from '../lib.js';
import { BATCH_FINAL, bucketFile, call, get } from '../api.js';
import { between, date, duration, number, percent } from '../format.js';
import { useLoaded } from '../loading.js';
import { href } from '../router.js';
import { CountsBar, CountsLegend, doneOf } from '../parts/counts.js';
import { Confirm } from '../parts/dialog.js';
import { LoadProblem, Problem } from '../parts/problem.js';
import { save } from '../parts/save.js';
import { Status } from '../parts/status.js';

const LIVE_MS = 1_000;

export function BatchPage({ id }) {
  const [everyMs, setEveryMs] = useState(LIVE_MS);
  const load = async (signal) => {
    const batch = await get(`batches/${encodeURIComponent(id)}`, { signal });
    const messages = batch.webhook?.deliveries?.some(({ state }) => state === 'pending');
    setEveryMs(BATCH_FINAL.includes(batch.status) && !messages ? 0 : LIVE_MS);
    return batch;
  };
  const { value: batch, error } = useLoaded(load, [id], everyMs);
  const [kept, setKept] = useState(null);
  if (batch && batch !== kept) setKept(batch);
  const shown = batch ?? kept;
  if (!shown)
    return error
      ? html`<h1>Batch</h1><${LoadProblem} error=${error} />`
      : html`<p class="faint" role="status">Loading…</p>`;
  return html`
    <nav class="trail" aria-label="Path"><a href="#/batches">Batches</a></nav>
    <div class="page-head">
      <h1>${shown.plugin}.${shown.tool}</h1><span aria-live="polite"><${Status} of=${shown.status} /></span>
    </div>
    <p class="faint"><code>${shown.batch_id}</code> · version ${shown.plugin_version}</p>
    <${LoadProblem} error=${error} />
    <${Actions} batch=${shown} />
    ${shown.cancel && html`<${Cancellation} cancel=${shown.cancel} />`}
    ${shown.error && shown.error.code !== 'cancelled' && html`<${Problem} error=${shown.error} />`}
    <${Items} batch=${shown} />
    ${shown.webhook && html`<${Message} of=${shown.webhook} />`}
    <p class="faint">${conditions(shown)}</p>`;
}

function Items({ batch }) {
  const { total, created_at: created, completed_at: completed } = batch;
  const done = doneOf(batch);
  return html`<section class="panel" aria-labelledby="items-title">
    <div class="section-head"><h2 id="items-title">Items</h2><a href=${href(['jobs'], { batch: batch.batch_id })}>Show the jobs</a></div>
    ${
      total == null
        ? html`<p class="faint">The items are being read.</p>`
        : html`<${CountsBar} batch=${batch} /><${CountsLegend} batch=${batch} />`
    }
    <dl class="figures">
      <div><dt>Done</dt><dd>${total == null ? '…' : `${number(done)} of ${number(total)}`}${total ? ` (${percent(Math.floor((done / total) * 1000) / 1000)})` : ''}</dd></div>
      <div><dt>${completed ? 'Took' : 'Running for'}</dt><dd>${duration(between(created, completed ?? new Date()))}</dd></div>
      <div><dt>At the same time</dt><dd>${number(batch.max_concurrency)}</dd></div>
      <div><dt>May fail</dt><dd>${batch.tolerated_failures ?? 'all'}</dd></div>
    </dl>
  </section>`;
}

function Actions({ batch }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const attempt = async (work) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  const cancel = () =>
    attempt(async () => {
      setAsking(false);
      await call('POST', `batches/${batch.batch_id}/cancel`, { body: { reason: 'cancelled in the console' } });
    });
  const download = () =>
    attempt(async () => {
      const link = await get(`batches/${batch.batch_id}/results`);
      save(`batch-${batch.batch_id}.jsonl`, await bucketFile(link.download_url));
    });
  const stopping = batch.status === 'cancelling';
  return html`<div class="actions">
      ${
        BATCH_FINAL.includes(batch.status)
          ? html`<button class="primary" disabled=${busy} onClick=${download}>${busy ? 'Downloading…' : 'Download the results'}</button>`
          : html`<button class="danger" disabled=${busy || stopping} onClick=${() => setAsking(true)}>${busy || stopping ? 'Cancelling…' : 'Cancel the batch…'}</button>`
      }
      <a class="button" href=${href(['batches', 'new'], { plugin: batch.plugin, tool: batch.tool })}>New batch of this tool…</a>
    </div>
    <${LoadProblem} error=${problem} />
    ${
      asking &&
      html`<${Confirm} title="Cancel the batch?" action="Cancel it" busy=${busy} onConfirm=${cancel} onCancel=${() => setAsking(false)}>
      <p>No further item starts, and those that run are stopped. Results that are there are kept.</p>
    <//>`
    }`;
}

const OUTCOMES = {
  stopped: 'None of its items runs any more.',
  too_late: 'All items had finished before they could be stopped.',
};

const Cancellation = ({ cancel }) => html`<section class="cancellation" role="status">
  <strong>${cancel.outcome === 'too_late' ? 'Too late to cancel' : cancel.outcome ? 'Cancelled' : 'Cancellation requested'}</strong>
  <span>${OUTCOMES[cancel.outcome] ?? 'The items that run are being stopped.'}</span>
  ${cancel.reason && html`<span class="faint">Reason: ${cancel.reason}</span>`}
</section>`;

/** The message about the end, which is the only one. */
function Message({ of: { url, deliveries } }) {
  const sent = deliveries?.[0];
  const told = sent
    ? `${sent.state} after ${sent.attempts} ${sent.attempts === 1 ? 'attempt' : 'attempts'}${sent.last_status ? `, last response ${sent.last_status}` : ''}`
    : 'sent when the batch has finished';
  return html`<section class="panel" aria-labelledby="webhook-title">
    <h2 id="webhook-title">Webhook</h2>
    <p class="webhook-url"><code>${url}</code> <span class="faint">${told}</span></p>
  </section>`;
}

function conditions({ expires_at, timeout_s, deadline_at, created_at }) {
  const told = [`Created ${date(created_at)}`, `time limit ${timeout_s} s for each item`];
  if (deadline_at) told.push(`deadline ${date(deadline_at)}`);
  return `${told.join(', ')}. Kept until ${date(expires_at)}.`;
}
