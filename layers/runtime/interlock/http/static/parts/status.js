// Statuses of jobs, states of plugins and keys: a dot and a word, in the color of their tone.
import { html } from '../lib.js';
import { percent, words } from '../format.js';

const TONES = {
  succeeded: 'good',
  LOADED: 'good',
  INITIALIZED: 'good',
  failed: 'bad',
  FAILED: 'bad',
  UNAVAILABLE: 'bad',
  timed_out: 'late',
  cancelling: 'late',
  running: 'busy',
  RUNNING: 'busy',
  pending: 'idle',
  cancelled: 'idle',
  active: 'good',
  expired: 'idle',
  revoked: 'bad',
};

export const toneOf = (status) => TONES[status] ?? 'idle';

export const Status = ({ of }) => html`<span class="status tone-${toneOf(of)}" data-status=${of}>
  <span class="dot" aria-hidden="true"></span>${words(of)}
</span>`;

export function Progress({ of, label = 'Progress' }) {
  if (!of) return null;
  return html`<div class="progress">
    <progress aria-label=${label} max="1" value=${of.fraction}></progress>
    <span class="progress-text">${percent(of.fraction)}${of.message ? ` · ${of.message}` : ''}</span>
  </div>`;
}
