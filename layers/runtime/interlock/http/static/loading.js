// What pages read from the API, once or again and again.
import { useEffect, useState } from './lib.js';

/**
 * Load now, when `again` changes, and every `everyMs` while the page is visible. Return `{value, error}`.
 * A failed repetition keeps the value and sets the error.
 */
export function useLoaded(load, again, everyMs = 0) {
  const [state, setState] = useState({});
  useEffect(() => setState({}), again);
  useEffect(() => {
    const stop = new AbortController();
    let timer;
    const once = async () => {
      try {
        const value = document.hidden && timer ? undefined : await load(stop.signal);
        if (value !== undefined && !stop.signal.aborted) setState({ value });
      } catch (error) {
        if (!stop.signal.aborted) setState((before) => ({ ...before, error }));
      }
      if (everyMs && !stop.signal.aborted) timer = setTimeout(once, everyMs);
    };
    once();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [...again, everyMs]);
  return state;
}

/** Load for each name, a few at a time. Failures become null. */
export async function loadEach(names, load, atOnce = 4) {
  const found = {};
  const waiting = [...names];
  const worker = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      found[name] = await load(name).catch(() => null);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return found;
}
