// Run a job again, with changes to its input. They are sent as a JSON Merge Patch (RFC 7396) on the stored input.
import { html, useState } from '../lib.js';
import { ApiError, call, get } from '../api.js';
import { InputForm } from '../form/form.js';
import { inputOf, mergePatch, remember, withFiles } from '../input.js';
import { useLoaded } from '../loading.js';
import { go } from '../router.js';
import { Invalid, problems } from '../schema.js';
import { LoadProblem, Problem } from './problem.js';

export function Rerun({ job }) {
  const path = `plugins/${encodeURIComponent(job.plugin)}`;
  const { value: manifest, error } = useLoaded((signal) => get(path, { signal }), [path]);
  if (!manifest)
    return error ? html`<${LoadProblem} error=${error} />` : html`<p class="faint" role="status">Loading…</p>`;
  const tool = manifest.tools.find(({ name }) => name === job.tool);
  if (!tool) return html`<p>The plugin no longer has this tool.</p>`;
  return html`<${Changes} job=${job} schema=${tool.input_schema} />`;
}

function Changes({ job, schema }) {
  const known = inputOf(job.job_id);
  const [input, setInput] = useState(known ?? {});
  const [state, setState] = useState({ found: [] });
  const submit = async () => {
    const found = known ? problems(schema, input, schema) : invalid(input);
    if (found.length) return setState({ found });
    setState({ found: [], busy: true });
    try {
      const patch = known ? mergePatch(known, input) : input;
      const body = Object.keys(patch).length ? { input: await withFiles(patch) } : {};
      const { body: next } = await call('POST', `jobs/${job.job_id}/rerun`, { body });
      if (known) remember(next.job_id, input);
      go(['jobs', next.job_id]);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setState({ found: error.error.details?.errors ?? [], error: error.error });
    }
  };
  return html`<section class="panel rerun" aria-labelledby="rerun-title">
    <h2 id="rerun-title">Run again</h2>
    <p class="faint">${known ? 'This is the input of the job. Change what should differ.' : 'Fill in what should differ. Fields that you leave empty stay as they were.'}</p>
    ${state.error && html`<${Problem} error=${state.error} />`}
    <${InputForm} schema=${schema} value=${input} found=${state.found} partial=${!known} busy=${state.busy} onChange=${setInput} onSubmit=${submit}>
      <button class="primary" disabled=${state.busy}>${state.busy ? 'Submitting…' : 'Run again'}</button>
    <//>
  </section>`;
}

/** Texts that are no value of their field. The server checks what the change makes of the input. */
function invalid(value, path = '') {
  if (value instanceof Invalid) return [{ path, message: value.message }];
  if (typeof value !== 'object' || value === null || value instanceof File) return [];
  return Object.entries(value).flatMap(([name, inner]) => invalid(inner, `${path}/${name}`));
}
