// A form for a tool's input, made from its schema.
import { html, useEffect, useRef } from '../lib.js';
import { Fields } from './fields.js';

/**
 * `value` is the input so far, `found` the problems as `[{path, message}]`. With `partial`, fields that are left out stay
 * as they are, and nothing is required.
 */
export function InputForm({ schema, value, found, partial = false, busy, onChange, onSubmit, children }) {
  const form = useRef();
  // After a refusal, the first field with a problem is where the user goes on.
  useEffect(() => {
    if (found.length) form.current.querySelector('[aria-invalid="true"]')?.focus();
  }, [found]);
  const submit = (event) => {
    event.preventDefault();
    if (!busy) onSubmit(event.submitter?.value);
  };
  const elsewhere = found.filter(({ path }) => path === '');
  return html`<form ref=${form} class="form" onSubmit=${submit} noValidate aria-busy=${busy}>
    <${Fields} schema=${schema} root=${schema} value=${value} path="" found=${found} partial=${partial} onChange=${onChange} />
    ${elsewhere.map(({ message }) => html`<p class="field-error" role="alert">The input ${message}</p>`)}
    ${
      found.length > 0 &&
      html`<p class="form-summary" role="status">${found.length === 1 ? 'One field needs' : `${found.length} fields need`} your attention.</p>`
    }
    <div class="form-actions">${children}</div>
  </form>`;
}
