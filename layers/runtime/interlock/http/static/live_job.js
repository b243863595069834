// A job that is followed until it has finished, by waiting for its events.
import { useEffect, useState } from './lib.js';
import { FINAL, call, get } from './api.js';

const WAIT_S = 10;
const POLL_MS = 1_000;
const RETRY_MS = 3_000;

/** Return `{job, events, result, error}`. `result` is undefined until there is one. */
export function useJob(id) {
  const [state, setState] = useState({ events: [] });
  useEffect(() => {
    setState({ events: [] });
    const stop = new AbortController();
    const update = (changes) => setState((before) => ({ ...before, ...changes(before) }));
    follow(id, stop.signal, update).catch((error) => {
      if (!stop.signal.aborted) update(() => ({ error }));
    });
    return () => stop.abort();
  }, [id]);
  return state;
}

async function follow(id, signal, update) {
  for (let after = 0; ;) {
    try {
      const [job, page, waited] = await step(id, after, signal);
      after = page.next;
      update((before) => ({ job, error: undefined, events: merged(before.events, page.events) }));
      if (FINAL.includes(job.status)) break;
      if (!waited) await pause(POLL_MS, signal);
    } catch (error) {
      if (!error.error?.retryable) throw error;
      update(() => ({ error }));
      await pause(RETRY_MS, signal);
    }
  }
  const { result, error } = await get(`jobs/${id}/result`, { signal });
  if (!error) update(() => ({ result }));
  // The state may have changed between the events and the job that were read last.
  const { body } = await call('GET', `jobs/${id}/events`, { signal });
  update(() => ({ events: body.events }));
}

/** Wait for events (RFC 7240), then read the job. A server that does not wait says so by leaving out its header. */
async function step(id, after, signal) {
  const headers = after ? { Prefer: `wait=${WAIT_S}` } : {};
  const { body, headers: answered } = await call('GET', `jobs/${id}/events?after=${after}`, { headers, signal });
  const job = await get(`jobs/${id}`, { signal });
  return [job, body, !after || answered.has('Preference-Applied')];
}

function merged(before, events) {
  const latest = before.at(-1)?.seq ?? 0;
  return [...before, ...events.filter(({ seq }) => seq > latest)];
}

function pause(ms, signal) {
  return new Promise((done, failed) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      failed(signal.reason);
    });
  });
}
