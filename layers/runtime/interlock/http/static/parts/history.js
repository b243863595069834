// The last runs as bars, oldest first: height by duration, color by outcome.
import { html } from '../lib.js';
import { duration, words } from '../format.js';
import { toneOf } from './status.js';

const HEIGHT = 28;
const STEP = 7;

/** `jobs` are newest first, as the API lists them. */
export function History({ jobs, most = 24 }) {
  const shown = jobs.slice(0, most).reverse();
  if (!shown.length) return html`<span class="faint">No recent runs</span>`;
  const longest = Math.max(1, ...shown.map((job) => job.execution_time_ms ?? 0));
  return html`<svg class="history" role="img" aria-label=${summary(shown)} width=${most * STEP} height=${HEIGHT}
    viewBox=${`0 0 ${most * STEP} ${HEIGHT}`}>
    ${Array.from({ length: most - shown.length }, (_, index) => html`<rect class="slot" x=${(shown.length + index) * STEP} y=${HEIGHT - 3} width="5" height="3" rx="1" />`)}
    ${shown.map((job, index) => {
      const height = 4 + Math.sqrt((job.execution_time_ms ?? 0) / longest) * (HEIGHT - 4);
      const x = index * STEP;
      return html`<rect class="bar tone-${toneOf(job.status)}" x=${x} y=${HEIGHT - height} width="5" height=${height} rx="1">
        <title>${words(job.status)}, ${duration(job.execution_time_ms)}</title>
      </rect>`;
    })}
  </svg>`;
}

function summary(jobs) {
  const counts = new Map();
  for (const { status } of jobs) counts.set(status, (counts.get(status) ?? 0) + 1);
  const told = [...counts].map(([status, count]) => `${count} ${words(status).toLowerCase()}`).join(', ');
  return `The last ${jobs.length === 1 ? 'run' : `${jobs.length} runs`}: ${told}`;
}
