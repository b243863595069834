// The webhook of a job: its deliveries, and a button that sends a message again.
import { html, useEffect, useState } from '../lib.js';
import { FINAL, call, get } from '../api.js';
import { NONE, date, words } from '../format.js';
import { LoadProblem } from './problem.js';

const POLL_MS = 2_000;
const REASONS = {
  dns: 'the host was not found',
  forbidden_address: 'the address of the host is not public',
  connect: 'no connection',
  tls: 'TLS failed',
  timeout: 'no response in time',
  reset: 'the connection ended',
};

export function Webhook({ job }) {
  const [webhook, setWebhook] = useState(job.webhook);
  const [problem, setProblem] = useState(null);
  useEffect(() => setWebhook(job.webhook), [job.webhook]);
  const pending = webhook.deliveries.some(({ state }) => state === 'pending');
  const followed = pending && FINAL.includes(job.status);
  useEffect(() => {
    if (!followed) return undefined;
    // The page follows a job until it has finished; its messages are sent after that.
    const timer = setInterval(async () => {
      const again = await get(`jobs/${job.job_id}`).catch(() => null);
      if (again) setWebhook(again.webhook);
    }, POLL_MS);
    return () => clearInterval(timer);
  }, [followed, job.job_id]);
  const send = async (event) => {
    setProblem(null);
    try {
      const { body } = await call('POST', `jobs/${job.job_id}/webhook/redeliver`, { body: { event } });
      setWebhook(body.webhook);
    } catch (error) {
      setProblem(error);
    }
  };
  return html`<section class="panel" aria-labelledby="webhook-title">
    <h2 id="webhook-title">Webhook</h2>
    <p class="faint"><code>${webhook.url}</code></p>
    <${LoadProblem} error=${problem} />
    <div class="scroll"><table>
      <thead><tr>
        <th scope="col">Event</th><th scope="col">State</th><th scope="col" class="figure">Attempts</th>
        <th scope="col">Last response</th><th scope="col">Next attempt</th><th scope="col"><span class="unseen">Actions</span></th>
      </tr></thead>
      <tbody>${webhook.deliveries.map((one) => html`<${Delivery} key=${one.event} of=${one} job=${job} onSend=${send} />`)}</tbody>
    </table></div>
  </section>`;
}

function Delivery({ of, job, onSend }) {
  const happened = of.event === 'started' ? job.started_at : FINAL.includes(job.status);
  const reason = REASONS[of.last_error];
  return html`<tr data-event=${of.event}>
    <td>${words(of.event)}</td>
    <td>${words(of.state)}</td>
    <td class="figure">${of.attempts}</td>
    <td>${of.last_status ?? reason ?? NONE}</td>
    <td>${of.next_attempt_at ? html`<time datetime=${of.next_attempt_at}>${date(of.next_attempt_at)}</time>` : NONE}</td>
    <td><button disabled=${!happened} onClick=${() => onSend(of.event)}>Send again<span class="unseen"> (${of.event})</span></button></td>
  </tr>`;
}
