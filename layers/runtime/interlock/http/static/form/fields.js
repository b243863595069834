// One field for each property of an object, by its kind.
import { html, useId } from '../lib.js';
import { initial, read, segment, titleOf } from '../schema.js';
import { Choice, JsonField, NumberField, TextField, Toggle } from './plain.js';
import { FileField } from './file.js';
import { ListField, ObjectField, UnionField } from './nested.js';

const PARTS = {
  boolean: Toggle,
  choice: Choice,
  file: FileField,
  json: JsonField,
  list: ListField,
  number: NumberField,
  object: ObjectField,
  string: TextField,
  union: UnionField,
};
const GROUPS = new Set(['list', 'object', 'union']);

export function Fields({ schema, root, value = {}, path, found, partial, onChange }) {
  const required = new Set(partial ? [] : schema.required);
  const names = Object.keys(schema.properties ?? {});
  if (!names.length) return html`<p class="faint">This tool takes no input.</p>`;
  return names.map(
    (name) => html`<${Field}
    key=${name} name=${name} schema=${schema.properties[name]} root=${root} path=${`${path}/${segment(name)}`}
    value=${value[name]} required=${required.has(name)} found=${found} partial=${partial}
    onChange=${(next) => onChange(withField(value, name, next))} />`,
  );
}

function withField(value, name, next) {
  const { [name]: _, ...others } = value;
  return next === undefined ? others : { ...value, [name]: next };
}

/** A field with its label, description and problems. */
export function Field({ name, schema: given, root, path, value, required, found, partial, onChange, label }) {
  const id = useId();
  const { kind, schema, nullable, options } = read(given, root);
  // The constant by which a union tells its alternatives apart.
  if (kind === 'choice' && options.length === 1 && value === options[0]) return null;
  const own = found.filter((one) => one.path === path || (!GROUPS.has(kind) && one.path.startsWith(`${path}/`)));
  const about = { id, kind, schema, options, root, path, value, found, partial, onChange, invalid: own.length > 0 };
  const described = [schema.description && `${id}-about`, own.length && `${id}-error`].filter(Boolean).join(' ');
  const shared = { ...about, required, describedBy: described || undefined, name: label ?? titleOf(schema, name) };
  const note = partial ? '' : required ? 'required' : 'optional';
  const help = schema.description && html`<p class="help" id=${`${id}-about`}>${schema.description}</p>`;
  const errors = own.map(({ message }) => message);
  const error = own.length > 0 && html`<p class="field-error" id=${`${id}-error`}>${sentence(errors.join('; '))}</p>`;
  // What an object that may be left out begins with. Of a partial one, each field may be left out again.
  const start = () => (partial && kind === 'object' ? {} : initial({ ...schema, default: undefined }, root));
  if (GROUPS.has(kind)) {
    return html`<fieldset class="field group" data-path=${path}>
      <legend>${shared.name} <span class="note">${note}</span></legend>
      ${help}<${Optional} ...${shared} nullable=${nullable} part=${PARTS[kind]} start=${start} />${error}
    </fieldset>`;
  }
  const removed = partial && value === null;
  return html`<div class=${`field field-${kind}`} data-path=${path}>
    <div class="field-head">
      <label for=${id}>${shared.name} <span class="note">${note}</span></label>
      ${
        partial &&
        nullable &&
        html`<button type="button" class="quiet small" onClick=${() => onChange(removed ? undefined : null)}>
        ${removed ? 'Keep' : 'Remove'}<span class="unseen"> ${shared.name}</span>
      </button>`
      }
    </div>
    ${removed ? html`<p class="faint">Will be removed.</p>` : html`<${PARTS[kind]} ...${shared} />`}${help}${error}
  </div>`;
}

/** Objects, lists and unions that may be left out begin with a button. This also ends recursive schemas. */
function Optional({ part: Part, start, nullable, ...shared }) {
  const leftOut = shared.value === undefined || shared.value === null;
  const may = !shared.required || nullable;
  if (leftOut && may) {
    return html`<button type="button" class="small" onClick=${() => shared.onChange(start() ?? {})}>
      ${shared.partial ? 'Replace' : 'Add'}<span class="unseen"> ${shared.name}</span>
    </button>`;
  }
  return html`<${Part} ...${shared} />
    ${
      may &&
      html`<button type="button" class="quiet small" onClick=${() => shared.onChange(undefined)}>
      ${shared.partial ? 'Leave as it was' : 'Leave out'}<span class="unseen">: ${shared.name}</span>
    </button>`
    }`;
}

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
