// Fields of single values.
import { html, useState } from '../lib.js';
import { Invalid } from '../schema.js';

const attributes = ({ id, invalid, describedBy, required }) => ({
  id,
  'aria-invalid': invalid ? 'true' : undefined,
  'aria-describedby': describedBy,
  required,
});

const shownExample = ({ schema, partial }) => {
  if (partial) return 'as before';
  return schema.examples?.length ? `e.g. ${schema.examples[0]}` : '';
};
const textOf = (value) => (value instanceof Invalid ? value.text : (value ?? ''));

const INPUT_TYPES = { date: 'date', email: 'email', time: 'time', uri: 'url' };
const SHORT = 200;

export function TextField(field) {
  const { schema, value, onChange } = field;
  const change = (event) => onChange(event.target.value === '' ? undefined : event.target.value);
  const shared = { ...attributes(field), value: textOf(value), onInput: change, placeholder: shownExample(field) };
  const single = schema.pattern || schema.format || (schema.maxLength ?? Infinity) <= SHORT;
  if (!single) return html`<textarea ...${shared} rows="1" maxLength=${schema.maxLength}></textarea>`;
  return html`<input ...${shared} type=${INPUT_TYPES[schema.format] ?? 'text'} maxLength=${schema.maxLength} spellcheck=${false} />`;
}

export function NumberField(field) {
  const { schema, value, onChange } = field;
  const change = (event) => {
    const text = event.target.value.trim();
    const parsed = Number(text);
    if (text === '') onChange(undefined);
    else onChange(Number.isNaN(parsed) ? new Invalid(text, 'must be a number') : parsed);
  };
  // Not type=number: it swallows what it cannot parse, and changes when the page is scrolled.
  const mode = schema.type === 'integer' ? 'numeric' : 'decimal';
  return html`<input ...${attributes(field)} type="text" inputmode=${mode} class="number" value=${textOf(value)}
      placeholder=${shownExample(field)} onInput=${change} />
    <span class="range">${rangeOf(schema)}</span>`;
}

function rangeOf({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }) {
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  const told = [
    ['at least', minimum],
    ['over', exclusiveMinimum],
    ['at most', maximum],
    ['under', exclusiveMaximum],
  ];
  return told
    .filter(([, limit]) => limit !== undefined)
    .map(([word, limit]) => `${word} ${limit}`)
    .join(', ');
}

export function Toggle(field) {
  const { value, onChange, partial } = field;
  if (partial) return html`<${Choice} ...${field} options=${[true, false]} />`;
  return html`<input ...${attributes({ ...field, required: false })} type="checkbox" checked=${value === true}
    onChange=${(event) => onChange(event.target.checked)} />`;
}

export function Choice(field) {
  const { options, value, required, onChange, partial } = field;
  const chosen = options.findIndex((one) => one === value);
  const nothing = partial ? 'As before' : required ? 'Choose…' : 'None';
  const change = (event) => onChange(event.target.value === '' ? undefined : options[Number(event.target.value)]);
  return html`<select ...${attributes(field)} value=${chosen < 0 ? '' : String(chosen)} onChange=${change}>
    ${(chosen < 0 || !required) && html`<option value="">${nothing}</option>`}
    ${options.map((one, index) => html`<option value=${String(index)}>${String(one)}</option>`)}
  </select>`;
}

export function JsonField(field) {
  const { value, onChange } = field;
  const [text, setText] = useState(() => (value === undefined ? '' : JSON.stringify(value, null, 2)));
  const change = (event) => {
    setText(event.target.value);
    onChange(parsed(event.target.value));
  };
  return html`<textarea ...${attributes(field)} class="mono" rows="4" spellcheck=${false} value=${text} onInput=${change}
    placeholder=${field.partial ? 'as before' : 'JSON'}></textarea>`;
}

function parsed(text) {
  if (!text.trim()) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return new Invalid(text, 'must be JSON');
  }
}
