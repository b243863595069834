// Fields that contain fields.
import { html } from '../lib.js';
import { initial, read, titleOf, variantOf } from '../schema.js';
import { Field, Fields } from './fields.js';

export const ObjectField = ({ schema, root, value, path, found, partial, onChange }) => html`
  <${Fields} schema=${schema} root=${root} value=${value ?? {}} path=${path} found=${found} partial=${partial} onChange=${onChange} />`;

export function ListField({ schema, root, value, path, found, name, onChange }) {
  const items = value ?? [];
  const put = (index, next) => onChange(items.map((one, at) => (at === index ? next : one)));
  const itemName = (index) => `${titleOf(read(schema.items, root).schema, name)} ${index + 1}`;
  return html`
    <ol class="items">
      ${items.map(
        (one, index) => html`<li key=${index}>
        <${Field} name=${String(index)} label=${itemName(index)} schema=${schema.items} root=${root} path=${`${path}/${index}`}
          value=${one} required=${true} found=${found} onChange=${(next) => put(index, next)} />
        <button type="button" class="quiet small" onClick=${() => onChange(items.filter((_, at) => at !== index))}>
          Remove<span class="unseen"> ${itemName(index)}</span>
        </button>
      </li>`,
      )}
    </ol>
    <button type="button" class="small" disabled=${items.length >= (schema.maxItems ?? Infinity)}
      onClick=${() => onChange([...items, initial(schema.items, root)])}>Add an item<span class="unseen"> to ${name}</span></button>`;
}

/** A value of one of several schemas. The alternative is found by the value's type. */
export function UnionField({ id, options, root, value, path, found, partial, name, onChange }) {
  const chosen = variantOf(options, value, root);
  const choose = (event) => onChange(initial(options[Number(event.target.value)], root));
  return html`
    <label class="variant" for=${id}>Form of ${name}
      <select id=${id} value=${String(chosen)} onChange=${choose}>
        ${options.map((one, index) => html`<option value=${String(index)}>${variantName(read(one, root))}</option>`)}
      </select>
    </label>
    <${Field} key=${chosen} name=${name} label=${variantName(read(options[chosen], root))} schema=${{ ...options[chosen], default: undefined }}
      root=${root} path=${path} value=${value} required=${true} found=${found} partial=${partial} onChange=${onChange} />`;
}

const variantName = ({ kind, schema }) =>
  schema.title ?? (kind === 'json' ? 'JSON' : kind.charAt(0).toUpperCase() + kind.slice(1));
