// All plugins: their state, how they have done, and why broken ones are broken.
import { html, useState } from '../lib.js';
import { get } from '../api.js';
import { ago, duration, percent, runs, successRate } from '../format.js';
import { loadEach, useLoaded } from '../loading.js';
import { href } from '../router.js';
import { History } from '../parts/history.js';
import { LoadProblem } from '../parts/problem.js';
import { Status } from '../parts/status.js';

const REFRESH_MS = 15_000;
const FIRST = 30;
const HISTORY = 100;
const MOST_TOOLS = 3;
const WORTH_A_FILTER = 8;

/** The list, the health of the plugins that are shown, and the latest jobs. Keys may lack the scope for jobs. */
async function load(filter, most, signal) {
  const list = await get('plugins', { signal });
  const fitting = list.plugins.filter(({ name, title }) =>
    `${name} ${title}`.toLowerCase().includes(filter.toLowerCase()),
  );
  const shown = fitting.slice(0, most);
  const [health, jobs] = await Promise.all([
    loadEach(
      shown.map(({ name }) => name),
      (name) => get(`plugins/${encodeURIComponent(name)}/health`, { signal }),
    ),
    get(`jobs?limit=${HISTORY}`, { signal }).then(
      (page) => page.jobs,
      () => [],
    ),
  ]);
  return { list, shown, more: fitting.length - shown.length, health, jobs };
}

export function PluginsPage() {
  const [filter, setFilter] = useState('');
  const [most, setMost] = useState(FIRST);
  const { value, error } = useLoaded((signal) => load(filter, most, signal), [filter, most], REFRESH_MS);
  const [kept, setKept] = useState(null);
  if (value && value !== kept) setKept(value);
  const shown = value ?? kept;
  return html`
    <div class="page-head"><h1>Plugins</h1>${shown && html`<${Counts} of=${shown.list} />`}</div>
    <${LoadProblem} error=${error} />
    ${
      shown &&
      shown.list.total > WORTH_A_FILTER &&
      html`<label class="filter">Find a plugin <input type="search" value=${filter} onInput=${(event) => setFilter(event.target.value)} /></label>`
    }
    ${
      shown &&
      html`<ul class="plugins">
      ${shown.shown.map(
        (plugin) => html`<${Plugin} key=${plugin.name} ...${plugin} health=${shown.health[plugin.name]}
        jobs=${shown.jobs.filter((job) => job.plugin === plugin.name)} />`,
      )}
    </ul>`
    }
    ${shown?.more > 0 && html`<button onClick=${() => setMost(most + FIRST)}>Show more (${shown.more} left)</button>`}
    ${!shown && !error && html`<p class="faint" role="status">Loading…</p>`}`;
}

const Counts = ({ of }) => html`<p class="counts">
  <span>${of.total} installed</span><span class="tone-good">${of.available} available</span>
  ${of.failed > 0 && html`<span class="tone-bad">${of.failed} failed</span>`}
  ${of.unavailable > 0 && html`<span class="tone-bad">${of.unavailable} unavailable</span>`}
</p>`;

const Plugin = ({
  name,
  title,
  version,
  description,
  state,
  reason,
  tools,
  health,
  jobs,
}) => html`<li class="plugin" data-plugin=${name}>
  <div class="plugin-head">
    <h2><a href=${href(['plugins', name])}>${title}</a></h2>
    <${Status} of=${state} />
  </div>
  <p class="faint"><code>${name}</code> ${version}</p>
  <p class="plugin-about">${description}</p>
  ${reason && html`<p class="reason">${reason}</p>`}
  ${health && runs(health) > 0 && html`<${Figures} of=${health} />`}
  ${
    state !== 'UNAVAILABLE' &&
    html`<div class="plugin-foot">
    <${History} jobs=${jobs} />
    <${Tools} plugin=${name} tools=${tools} />
  </div>`
  }
</li>`;

const Tools = ({ plugin, tools }) => html`<span class="tools">
  ${tools.slice(0, MOST_TOOLS).map((tool) => html`<a class="button small" href=${href(['plugins', plugin, tool])}>Run ${tool}</a>`)}
  ${tools.length > MOST_TOOLS && html`<a class="small" href=${href(['plugins', plugin])}>${tools.length - MOST_TOOLS} more<span class="unseen"> tools of ${plugin}</span></a>`}
</span>`;

export const Figures = ({ of }) => html`<dl class="figures">
  <div><dt>Success</dt><dd>${percent(successRate(of))}</dd></div>
  <div><dt>Runs</dt><dd>${runs(of)}</dd></div>
  <div><dt>p50</dt><dd>${duration(of.p50_ms)}</dd></div>
  <div><dt>p95</dt><dd>${duration(of.p95_ms)}</dd></div>
  <div><dt>Last run</dt><dd>${ago(of.last_used)}</dd></div>
</dl>`;
