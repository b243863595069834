// Submit a batch: a tool, and its items as files or as JSON Lines.
import { html, useId, useState } from '../lib.js';
import { ApiError, call, get } from '../api.js';
import { InputForm } from '../form/form.js';
import { FilesField } from '../form/files.js';
import { fileFieldOf, itemsOfFiles, itemsOfLines, withoutField } from '../items.js';
import { useLoaded } from '../loading.js';
import { go, href } from '../router.js';
import { LoadProblem, Problem } from '../parts/problem.js';
import { initial, problems } from '../schema.js';

export function NewBatchPage({ query }) {
  const [plugin, tool] = [query.get('plugin'), query.get('tool')];
  const { value, error } = useLoaded((signal) => get('plugins', { signal }), []);
  const tools = (value?.plugins ?? []).flatMap(({ name, tools: own }) => own.map((one) => [name, one]));
  const choose = (event) => {
    const [name, one] = tools[Number(event.target.value)];
    go(['batches', 'new'], { plugin: name, tool: one });
  };
  const chosen = tools.findIndex(([name, one]) => name === plugin && one === tool);
  return html`
    <nav class="trail" aria-label="Path"><a href="#/batches">Batches</a></nav>
    <div class="page-head"><h1>New batch</h1></div>
    <${LoadProblem} error=${error} />
    ${!value && !error && html`<p class="faint" role="status">Loading…</p>`}
    ${
      value &&
      html`<label class="filter batch-tool">Tool
      <select value=${String(chosen)} onChange=${choose}>
        ${chosen < 0 && html`<option value="-1">Choose…</option>`}
        ${tools.map(([name, one], index) => html`<option value=${String(index)}>${name}.${one}</option>`)}
      </select>
    </label>`
    }
    ${chosen >= 0 && html`<${OfTool} key=${`${plugin}/${tool}`} plugin=${plugin} tool=${tool} />`}`;
}

function OfTool({ plugin, tool: name }) {
  const path = `plugins/${encodeURIComponent(plugin)}`;
  const { value: manifest, error } = useLoaded((signal) => get(path, { signal }), [path]);
  if (!manifest)
    return error ? html`<${LoadProblem} error=${error} />` : html`<p class="faint" role="status">Loading…</p>`;
  return html`<${BatchForm} plugin=${plugin} tool=${manifest.tools.find((one) => one.name === name)} />`;
}

const START = { files: [], lines: [], max_concurrency: '10', tolerated_failures: '' };

function BatchForm({ plugin, tool }) {
  const field = fileFieldOf(tool.input_schema);
  const common = field && withoutField(tool.input_schema, field);
  const [mode, setMode] = useState(field ? 'files' : 'lines');
  const [values, setValues] = useState(START);
  const [input, setInput] = useState(() => (common ? (initial(common, tool.input_schema) ?? {}) : {}));
  const [state, setState] = useState({ found: [] });
  const change = (changes) => setValues({ ...values, ...changes });
  const submit = async () => {
    const found = mode === 'files' ? problems(common, input, tool.input_schema) : [];
    if (found.length) return setState({ found });
    setState({ found: [], busy: 'Submitting…' });
    try {
      const items =
        mode === 'files'
          ? await itemsOfFiles(tool.input_schema, field, values.files, input, (busy) => setState({ found: [], busy }))
          : await itemsOfLines(values.lines[0]);
      const { body } = await call('POST', 'batches', { body: { plugin, tool: tool.name, ...items, ...limits(values) } });
      go(['batches', body.batch_id]);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setState({ found: [], error: error.error });
    }
  };
  const ready = values[mode].length > 0;
  return html`<section class="panel" aria-labelledby="items-title">
    <div class="section-head">
      <h2 id="items-title">Items of ${plugin}.${tool.name}</h2>
      ${field && html`<${Modes} mode=${mode} onChoose=${setMode} />`}
    </div>
    ${
      mode === 'files'
        ? html`<${FilesField} label=${`Files, each of which is the ${field} of an item`} value=${values.files} multiple onChange=${(files) => change({ files })} />`
        : html`<${FilesField} label="A file with JSON Lines" value=${values.lines} accept=".jsonl,.ndjson,.json,.txt" onChange=${(lines) => change({ lines })} />
        <p class="help">One item a line: <code>{"input": {…}, "key": "…"}</code>. The input is that of <a href=${href(['plugins', plugin, tool.name])}>the tool</a>.</p>`
    }
    <div class="columns">
      <${Limit} label="Items at the same time" help="1 to 1,000." value=${values.max_concurrency}
        onChange=${(max_concurrency) => change({ max_concurrency })} />
      <${Limit} label="Failures to tolerate" help="A number, or a share such as 5%. Empty tolerates all."
        value=${values.tolerated_failures} onChange=${(tolerated_failures) => change({ tolerated_failures })} />
    </div>
    ${state.error && html`<${Problem} error=${state.error} />`}
    <${mode === 'files' && Object.keys(common.properties).length ? InputForm : PlainForm} schema=${common} value=${input}
      found=${state.found} busy=${Boolean(state.busy)} onChange=${setInput} onSubmit=${submit}>
      <button class="primary" disabled=${!ready || state.busy}>${state.busy ?? 'Submit the batch'}</button>
    <//>
  </section>`;
}

/** The form of items that have nothing in common. */
function PlainForm({ onSubmit, children }) {
  const submit = (event) => {
    event.preventDefault();
    onSubmit();
  };
  return html`<form class="form" onSubmit=${submit}><div class="form-actions">${children}</div></form>`;
}

function Modes({ mode, onChoose }) {
  const tab = (name, title) =>
    html`<button type="button" class="small" aria-pressed=${mode === name} onClick=${() => onChoose(name)}>${title}</button>`;
  return html`<div class="tabs" role="group" aria-label="Form of the items">${tab('files', 'Files')}${tab('lines', 'JSON Lines')}</div>`;
}

function Limit({ label, help, value, onChange }) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <input id=${id} value=${value} autocomplete="off" aria-describedby=${`${id}-about`} onInput=${(event) => onChange(event.target.value)} />
    <p class="help" id=${`${id}-about`}>${help}</p>
  </div>`;
}

const limits = ({ max_concurrency: most, tolerated_failures: tolerated }) => ({
  ...(most.trim() && { max_concurrency: numeric(most) }),
  ...(tolerated.trim() && { tolerated_failures: numeric(tolerated) }),
});

/** A number if the text is one; the server refuses what is neither that nor a share. */
const numeric = (text) => (/^\d+$/.test(text.trim()) ? Number(text) : text.trim());
