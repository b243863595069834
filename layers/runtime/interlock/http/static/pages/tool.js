// Run a tool: a form from its schema, the request as curl, and the result.
import { html, useMemo, useState } from '../lib.js';
import { ApiError, apiUrl, call, get } from '../api.js';
import { duration } from '../format.js';
import { curl, remember, withFiles } from '../input.js';
import { useLoaded } from '../loading.js';
import { go, href } from '../router.js';
import { initial, problems } from '../schema.js';
import { InputForm } from '../form/form.js';
import { Code, Json } from '../parts/code.js';
import { LoadProblem, Problem } from '../parts/problem.js';
import { Status } from '../parts/status.js';
import { Result } from '../result/result.js';
import { limits } from './plugin.js';

const LIVE = 'Prefer: respond-async';

export function ToolPage({ plugin, tool: name }) {
  const { value: manifest, error } = useLoaded(
    (signal) => get(`plugins/${encodeURIComponent(plugin)}`, { signal }),
    [plugin],
  );
  if (!manifest)
    return error
      ? html`<h1>${name}</h1><${LoadProblem} error=${error} />`
      : html`<p class="faint" role="status">Loading…</p>`;
  const tool = manifest.tools.find((one) => one.name === name);
  const trail = html`<nav class="trail" aria-label="Path"><a href="#/plugins">Plugins</a><a href=${href(['plugins', plugin])}>${manifest.title}</a></nav>`;
  if (!tool) return html`${trail}<h1>${name}</h1><p>The plugin has no such tool.</p>`;
  return html`${trail}
    <div class="page-head"><h1>${tool.title}</h1><p class="faint"><code>${plugin}.${name}</code> · ${limits(tool)}</p></div>
    <p>${tool.description} <a href=${href(['batches', 'new'], { plugin, tool: name })}>Run it on many inputs</a></p>
    <${Workbench} plugin=${plugin} tool=${tool} />`;
}

function Workbench({ plugin, tool }) {
  const schema = tool.input_schema;
  const [input, setInput] = useState(() => initial(schema, schema) ?? {});
  const [run, setRun] = useState({ found: [] });
  const submit = async (mode) => {
    const found = problems(schema, input, schema);
    if (found.length) return setRun({ found });
    setRun({ found: [], busy: true });
    setRun(await outcome(plugin, tool.name, input, mode === 'background'));
  };
  return html`<div class="workbench">
    <section class="panel" aria-labelledby="input-title">
      <h2 id="input-title">Input</h2>
      <${InputForm} schema=${schema} value=${input} found=${run.found} busy=${run.busy} onChange=${setInput} onSubmit=${submit}>
        <button class="primary" value="now" disabled=${run.busy}>${run.busy ? 'Running…' : 'Run now'}</button>
        <button value="background" disabled=${run.busy}>Run in the background</button>
      <//>
    </section>
    <section class="panel" aria-labelledby="output-title">
      <h2 id="output-title">Output</h2>
      <${Output} run=${run} />
    </section>
    <${Example} plugin=${plugin} tool=${tool} input=${input} />
  </div>`;
}

/** Execute a tool; return what the page shows. A job in the background has a page of its own. */
async function outcome(plugin, tool, input, inBackground) {
  try {
    const body = { plugin, tool, input: await withFiles(input) };
    const headers = inBackground ? { Prefer: 'respond-async' } : {};
    const { body: job } = await call('POST', 'execute', { body, headers });
    remember(job.job_id, input);
    if (inBackground) go(['jobs', job.job_id]);
    return { found: [], job, input };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { found: error.error.details?.errors ?? [], error: error.error };
  }
}

function Output({ run }) {
  if (run.busy)
    return html`<p class="working" role="status"><span class="pulse" aria-hidden="true"></span>The tool is running</p>`;
  if (run.error) {
    return html`<${Problem} error=${run.error} />
      ${run.error.job_id && html`<p><a href=${href(['jobs', run.error.job_id])}>Open the job</a> for its log.</p>`}`;
  }
  if (!run.job?.result)
    return html`<p class="faint">${run.job ? 'The job was submitted.' : 'The result will be here.'}</p>`;
  return html`<p class="ran" role="status"><${Status} of=${run.job.status} /><span>in ${duration(run.job.execution_time_ms)}</span>
      <a href=${href(['jobs', run.job.job_id])}>Open the job</a></p>
    <${Result} value=${run.job.result} input=${run.input} />`;
}

function Example({ plugin, tool, input }) {
  const [later, setLater] = useState(false);
  const text = useMemo(
    () => curl(apiUrl('execute'), { plugin, tool: tool.name, input }, later ? [LIVE] : []),
    [plugin, tool, input, later],
  );
  return html`<section class="panel example" aria-labelledby="example-title">
    <div class="section-head"><h2 id="example-title">The same call with curl</h2>
      <label class="inline"><input type="checkbox" checked=${later} onChange=${(event) => setLater(event.target.checked)} /> in the background</label></div>
    <${Code} text=${text} label="The call with curl" />
    <details><summary>Schema of the input</summary><${Json} value=${tool.input_schema} label="Schema of the input" /></details>
    <details><summary>Schema of the result</summary><${Json} value=${tool.output_schema} label="Schema of the result" /></details>
  </section>`;
}
