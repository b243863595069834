// Jobs, newest first. The filters are in the address.
import { html, useState } from '../lib.js';
import { FINAL, get } from '../api.js';
import { words } from '../format.js';
import { useLoaded } from '../loading.js';
import { currentQuery, go, href } from '../router.js';
import { JobTable } from '../parts/job_table.js';
import { LoadProblem } from '../parts/problem.js';

const LIMIT = 25;
const LIVE_MS = 1_500;
const CALM_MS = 5_000;
const STATUSES = ['pending', 'running', 'cancelling', ...FINAL];

export function JobsPage({ query }) {
  const filters = { ...filtersOf(query), cursor: query.get('cursor') };
  const [everyMs, setEveryMs] = useState(CALM_MS);
  const load = async (signal) => {
    const page = await get(`jobs?${listQuery(filters)}`, { signal });
    setEveryMs(page.jobs.some((job) => !FINAL.includes(job.status)) ? LIVE_MS : CALM_MS);
    return page;
  };
  const { value, error } = useLoaded(load, [query.toString()], everyMs);
  return html`
    <div class="page-head"><h1>Jobs</h1></div>
    <${Filters} ...${filters} />
    <${LoadProblem} error=${error} />
    ${value && (value.jobs.length > 0 ? html`<${JobTable} jobs=${value.jobs} />` : html`<${Nothing} filters=${filters} more=${value.next_cursor} />`)}
    ${
      value &&
      html`<nav class="pages" aria-label="Pages">
      ${filters.cursor && html`<a href=${href(['jobs'], { ...filters, cursor: null })}>Newest</a>`}
      ${value.next_cursor && html`<a href=${href(['jobs'], { ...filters, cursor: value.next_cursor })}>Older</a>`}
    </nav>`
    }
    ${!value && !error && html`<p class="faint" role="status">Loading…</p>`}`;
}

const filtersOf = (query) => ({
  plugin: query.get('plugin'),
  tool: query.get('tool'),
  batch: query.get('batch'),
  status: query.getAll('status'),
});

function listQuery({ plugin, tool, batch, status, cursor }) {
  const search = new URLSearchParams({ limit: LIMIT });
  if (plugin) search.set('plugin', plugin);
  if (tool) search.set('tool', tool);
  if (batch) search.set('batch', batch);
  if (cursor) search.set('cursor', cursor);
  for (const one of status) search.append('status', one);
  return search;
}

function Filters({ plugin, tool, batch, status }) {
  // Added to the filters of the address, which the page follows a moment later: two quick changes must both count.
  const apply = (change) => {
    const now = filtersOf(currentQuery());
    go(['jobs'], { ...now, ...change(now) });
  };
  const toggle = (one) =>
    apply((now) => ({
      status: now.status.includes(one) ? now.status.filter((other) => other !== one) : [...now.status, one],
    }));
  const text = (name, value) => html`<label class="filter">${words(name)}
    <input type="search" value=${value ?? ''} placeholder="any" spellcheck=${false} onChange=${(event) => apply(() => ({ [name]: event.target.value.trim() }))} />
  </label>`;
  return html`<div class="filters">
    ${text('plugin', plugin)}${text('tool', tool)}${text('batch', batch)}
    <fieldset class="chips"><legend>Status</legend>
      ${STATUSES.map((one) => html`<label class="chip"><input type="checkbox" checked=${status.includes(one)} onChange=${() => toggle(one)} />${words(one)}</label>`)}
    </fieldset>
    ${(plugin || tool || batch || status.length > 0) && html`<a class="clear" href="#/jobs">Clear</a>`}
  </div>`;
}

function Nothing({ filters, more }) {
  if (more) return html`<p class="empty">No job on this page fits. There are older ones.</p>`;
  const filtered = filters.plugin || filters.tool || filters.batch || filters.status.length > 0;
  return html`<p class="empty">${filtered ? 'No job fits these filters.' : html`No jobs yet. <a href="#/plugins">Run a tool</a> to make one.`}</p>`;
}
