// Jobs in a table.
import { html } from '../lib.js';
import { NONE, ago, between, date, duration } from '../format.js';
import { href } from '../router.js';
import { Progress, Status } from './status.js';

// A synchronous job does not wait; its two times may differ by a millisecond.
const SHORT_MS = 5;

/** How long a job has run, or ran. */
export function ranFor({ started_at: started, completed_at: completed, execution_time_ms: measured }) {
  if (measured != null) return measured;
  return started ? between(started, completed ?? new Date()) : null;
}

export const queuedFor = ({ created_at: created, started_at: started, completed_at: completed }) =>
  between(created, started ?? completed ?? new Date());

export const JobTable = ({ jobs, withPlugin = true }) => html`<div class="scroll">
  <table class="jobs">
    <thead><tr>
      <th scope="col">Status</th><th scope="col">Tool</th><th scope="col" class="wide">Job</th>
      <th scope="col" class="wide figure">Queued</th><th scope="col" class="figure">Ran</th><th scope="col" class="wide">Created</th>
    </tr></thead>
    <tbody>${jobs.map((job) => html`<${Row} key=${job.job_id} job=${job} withPlugin=${withPlugin} />`)}</tbody>
  </table>
</div>`;

const Row = ({ job, withPlugin }) => html`<tr data-job=${job.job_id}>
  <td><${Status} of=${job.status} />${job.status === 'running' && html`<${Progress} of=${job.progress} label=${`Progress of ${job.job_id}`} />`}</td>
  <td>
    <a href=${href(['jobs', job.job_id])}>${withPlugin && html`${job.plugin}.<wbr />`}${job.tool}<span class="unseen"> ${job.job_id}</span></a>
    ${job.key && html`<span class="row-key">${job.key}</span>`}
    ${job.error && html`<span class="row-error">${job.error.message}</span>`}
  </td>
  <td class="wide"><code title=${job.job_id}>…${job.job_id.slice(-8)}</code></td>
  <td class="wide figure">${queuedFor(job) < SHORT_MS ? NONE : duration(queuedFor(job))}</td>
  <td class="figure">${duration(ranFor(job))}</td>
  <td class="wide"><time datetime=${job.created_at} title=${date(job.created_at)}>${ago(job.created_at)}</time></td>
</tr>`;
