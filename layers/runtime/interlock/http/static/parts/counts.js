// How the items of a batch have gone: a bar of all of them, and their numbers.
import { html } from '../lib.js';
import { number, words } from '../format.js';
import { href } from '../router.js';
import { toneOf } from './status.js';

/** Finished items first, so that the bar fills from its start. */
const ORDER = ['succeeded', 'failed', 'timed_out', 'cancelled', 'running', 'pending'];
const FINISHED = ORDER.slice(0, 4);

export const doneOf = ({ counts }) => FINISHED.reduce((sum, status) => sum + counts[status], 0);

const present = ({ counts }) => ORDER.filter((status) => counts[status] > 0);

export function CountsBar({ batch }) {
  const label = present(batch).map((status) => `${number(batch.counts[status])} ${words(status).toLowerCase()}`);
  return html`<div class="counts-bar" role="img" aria-label=${label.join(', ') || 'No items yet'}>
    ${present(batch).map((status) => html`<span key=${status} class=${`tone-${toneOf(status)} of-${status}`} style=${{ flexGrow: batch.counts[status] }}></span>`)}
  </div>`;
}

/** The number of items by status, each a link to their jobs. */
export const CountsLegend = ({ batch }) => html`<ul class="legend">
  ${present(batch).map(
    (status) => html`<li key=${status} class=${`tone-${toneOf(status)}`}>
    <span class=${`swatch of-${status}`} aria-hidden="true"></span>
    <a href=${href(['jobs'], { batch: batch.batch_id, status })}><strong>${number(batch.counts[status])}</strong> ${words(status).toLowerCase()}</a>
  </li>`,
  )}
</ul>`;
