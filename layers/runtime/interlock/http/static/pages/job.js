// One job, live: status, timeline, log, result or error, and what can be done with it.
import { html, useState } from '../lib.js';
import { FINAL, call } from '../api.js';
import { date, words } from '../format.js';
import { inputOf } from '../input.js';
import { href } from '../router.js';
import { useJob } from '../live_job.js';
import { Log } from '../parts/log.js';
import { LoadProblem, Problem } from '../parts/problem.js';
import { Rerun } from '../parts/rerun.js';
import { Progress, Status } from '../parts/status.js';
import { Timeline } from '../parts/timeline.js';
import { Webhook } from '../parts/webhook.js';
import { Result } from '../result/result.js';

const DOT = ' · ';
const OUTCOMES = {
  prevented: 'It had not started, and never will.',
  stopped: 'The tool stopped when it was asked to.',
  killed: 'The tool did not stop by itself, and was killed.',
  too_late: 'The tool had finished before it could be stopped.',
};

export function JobPage({ id }) {
  const { job, events, result, error } = useJob(id);
  if (!job)
    return error
      ? html`<h1>Job</h1><${LoadProblem} error=${error} />`
      : html`<p class="faint" role="status">Loading…</p>`;
  return html`
    <nav class="trail" aria-label="Path"><a href="#/jobs">Jobs</a><a href=${href(['jobs'], { plugin: job.plugin })}>${job.plugin}</a></nav>
    <div class="page-head">
      <h1>${job.plugin}.${job.tool}</h1><span aria-live="polite"><${Status} of=${job.status} /></span>
    </div>
    <p class="faint"><code>${job.job_id}</code> · version ${job.plugin_version}${
      job.rerun_of && html`${DOT}again of <a href=${href(['jobs', job.rerun_of])}>…${job.rerun_of.slice(-8)}</a>`
    }${
      job.batch_id &&
      html`${DOT}item ${job.key && html`<strong>${job.key}</strong>${' '}`}of batch${' '}
        <a href=${href(['batches', job.batch_id])}>…${job.batch_id.slice(-8)}</a>`
    }${job.source !== 'http' && ` · by ${caller(job)}`}</p>
    <${LoadProblem} error=${error} />
    <${Actions} job=${job} />
    ${!FINAL.includes(job.status) && html`<${Progress} of=${job.progress} />`}
    ${job.input_requests && html`<${Waiting} requests=${job.input_requests} />`}
    ${job.cancel && html`<${Cancellation} cancel=${job.cancel} />`}
    ${job.error && job.error.code !== 'cancelled' && html`<${Problem} error=${job.error} />`}
    <section class="panel" aria-labelledby="timeline-title"><h2 id="timeline-title">Timeline</h2><${Timeline} job=${job} events=${events} /></section>
    ${
      result !== undefined &&
      html`<section class="panel" aria-labelledby="result-title">
      <h2 id="result-title">Result</h2><${Result} value=${result} input=${inputOf(id)} />
    </section>`
    }
    ${job.webhook && html`<${Webhook} job=${job} />`}
    <section class="panel" aria-labelledby="log-title"><h2 id="log-title">Log</h2><${Log} events=${events} done=${FINAL.includes(job.status)} /></section>
    <p class="faint">${conditions(job)}</p>`;
}

/** The program that created a job over MCP: it may not have named itself. */
const caller = ({ source, client }) =>
  client ? `${client.name} ${client.version} (${source.toUpperCase()})` : source.toUpperCase();

function conditions({ expires_at, timeout_s, attempt, deadline_at }) {
  const told = [`Time limit ${timeout_s} s`];
  if (attempt > 1) told.push(`attempt ${attempt}`);
  if (deadline_at) told.push(`deadline ${date(deadline_at)}`);
  return `${told.join(', ')}. Kept until ${date(expires_at)}.`;
}

function Actions({ job }) {
  const [again, setAgain] = useState(false);
  const [problem, setProblem] = useState(null);
  const [asked, setAsked] = useState(false);
  const cancel = async () => {
    setAsked(true);
    setProblem(null);
    try {
      await call('POST', `jobs/${job.job_id}/cancel`, { body: { reason: 'cancelled in the console' } });
    } catch (error) {
      setProblem(error);
      setAsked(false);
    }
  };
  const finished = FINAL.includes(job.status);
  return html`<div class="actions">
      ${
        !finished &&
        html`<button class="danger" disabled=${asked || job.status === 'cancelling'} onClick=${cancel}>
        ${asked || job.status === 'cancelling' ? 'Cancelling…' : 'Cancel the job'}
      </button>`
      }
      <button aria-expanded=${again} onClick=${() => setAgain(!again)}>Run again…</button>
    </div>
    <${LoadProblem} error=${problem} />
    ${again && html`<${Rerun} job=${job} />`}`;
}

/** The tool has requested input from its MCP client: nothing runs until it responds. */
const Waiting = ({ requests }) => html`<section class="waiting" role="status">
  <strong>Waits for its client</strong>
  ${Object.entries(requests).map(
    ([name, { method, params }]) => html`<span key=${name}><code>${name}</code> ${params?.message ?? method}</span>`
  )}
</section>`;

const Cancellation = ({ cancel }) => html`<section class="cancellation" role="status">
  <strong>${cancel.outcome ? `Cancelled: ${words(cancel.outcome).toLowerCase()}` : 'Cancellation requested'}</strong>
  <span>${OUTCOMES[cancel.outcome] ?? 'The tool is being stopped.'}</span>
  ${cancel.reason && html`<span class="faint">Reason: ${cancel.reason}</span>`}
</section>`;
