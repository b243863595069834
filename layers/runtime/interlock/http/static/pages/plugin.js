// One plugin: its tools, counters, and latest jobs.
import { html } from '../lib.js';
import { get } from '../api.js';
import { duration, percent, runs, successRate } from '../format.js';
import { useLoaded } from '../loading.js';
import { href } from '../router.js';
import { History } from '../parts/history.js';
import { JobTable } from '../parts/job_table.js';
import { LoadProblem } from '../parts/problem.js';
import { Status } from '../parts/status.js';
import { Figures } from './plugins.js';

const REFRESH_MS = 5_000;
const LATEST = 10;
const HISTORY = 40;

async function load(name, signal) {
  const path = `plugins/${encodeURIComponent(name)}`;
  const [manifest, health, jobs] = await Promise.all([
    get(path, { signal }),
    get(`${path}/health`, { signal }),
    get(`jobs?plugin=${encodeURIComponent(name)}&limit=${HISTORY}`, { signal }).then(
      (page) => page.jobs,
      () => [],
    ),
  ]);
  return { manifest, health, jobs };
}

export function PluginPage({ name }) {
  const { value, error } = useLoaded((signal) => load(name, signal), [name], REFRESH_MS);
  if (!value)
    return error
      ? html`<h1>${name}</h1><${LoadProblem} error=${error} />`
      : html`<p class="faint" role="status">Loading…</p>`;
  const { manifest, health, jobs } = value;
  return html`
    <nav class="trail" aria-label="Path"><a href="#/plugins">Plugins</a></nav>
    <div class="page-head"><h1>${manifest.title}</h1><${Status} of=${health.state} /></div>
    <p class="faint"><code>${manifest.name}</code> ${manifest.version}</p>
    <p>${manifest.description}</p>
    ${
      health.reason &&
      html`<section class="problem"><h2>${health.state === 'UNAVAILABLE' ? 'Why it is unavailable' : 'Changed since it was indexed'}</h2>
      <p class="problem-message">${health.reason}</p></section>`
    }
    ${runs(health) > 0 && html`<section class="panel summary"><${Figures} of=${health} /><${History} jobs=${jobs} most=${HISTORY} /></section>`}
    ${
      manifest.tools.length > 0 &&
      html`<h2>Tools</h2>
      <ul class="tool-list">${manifest.tools.map((tool) => html`<${Tool} plugin=${name} tool=${tool} counters=${health.tools[tool.name]} />`)}</ul>`
    }
    ${
      jobs.length > 0 &&
      html`<div class="section-head"><h2>Latest jobs</h2><a href=${href(['jobs'], { plugin: name })}>All of them</a></div>
      <${JobTable} jobs=${jobs.slice(0, LATEST)} withPlugin=${false} />`
    }`;
}

const Tool = ({ plugin, tool, counters }) => html`<li class="tool">
  <div>
    <h3><a href=${href(['plugins', plugin, tool.name])}>${tool.title}</a></h3>
    <p>${tool.description}</p>
    <p class="faint">${limits(tool)}${counters && runs(counters) > 0 ? ` · ${percent(successRate(counters))} succeeded, p95 ${duration(counters.p95_ms)}` : ''}</p>
  </div>
  <a class="button" href=${href(['plugins', plugin, tool.name])}>Run<span class="unseen"> ${tool.name}</span></a>
</li>`;

export const limits = ({ timeout_s, memory_mb, network }) =>
  `${timeout_s} s, ${memory_mb} MiB${network ? ', with network' : ''}`;
