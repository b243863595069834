// When a job was queued, started and stopped, and how long it waited and ran.
import { html } from '../lib.js';
import { between, clock, date, duration, words } from '../format.js';
import { queuedFor, ranFor } from './job_table.js';
import { toneOf } from './status.js';

export function Timeline({ job, events }) {
  const queued = queuedFor(job);
  const ran = job.started_at ? between(job.started_at, job.completed_at ?? new Date()) : 0;
  const all = Math.max(1, queued + ran);
  const part = (ms) => ({ flexGrow: Math.max(0.02, ms / all) });
  return html`
    <div class="spans" aria-hidden="true">
      <span class="span span-queued" style=${part(queued)}></span>
      ${job.started_at && html`<span class=${`span span-ran tone-${toneOf(job.status)}`} style=${part(ran)}></span>`}
    </div>
    <dl class="figures">
      <div><dt>Waited</dt><dd>${duration(queued)}</dd></div>
      <div><dt>${job.completed_at ? 'Ran' : 'Running for'}</dt><dd>${duration(job.completed_at ? ranFor(job) : ran || null)}</dd></div>
      <div><dt>In all</dt><dd>${duration(between(job.created_at, job.completed_at ?? new Date()))}</dd></div>
    </dl>
    <ol class="moments">${moments(job, events).map(
      ({ at, title, tone, more }) => html`<li class=${`tone-${tone}`}>
      <span class="moment">${title}</span><time datetime=${at} title=${date(at)}>${clock(at)}</time>${more && html`<span class="faint">${more}</span>`}
    </li>`,
    )}</ol>`;
}

const TITLES = { pending: 'Queued', running: 'Started' };

/** The changes of status, as events tell them: a short synchronous run has only its last. */
function moments(job, events) {
  const told = events
    .filter(({ type }) => type === 'state')
    .map(({ at, status }) => ({ at, title: TITLES[status] ?? words(status), tone: toneOf(status) }));
  if (!told.some(({ title }) => title === 'Queued'))
    told.unshift({ at: job.created_at, title: 'Created', tone: 'idle' });
  return told.map((one, index) => ({
    ...one,
    more: index ? `+ ${duration(between(told[index - 1].at, one.at))}` : '',
  }));
}
