// A question that has to be answered before anything happens. Escape answers it with no.
import { html, useEffect, useId, useRef } from '../lib.js';

export function Confirm({ title, action, busy, onConfirm, onCancel, children }) {
  const dialog = useRef();
  const id = useId();
  const refusal = useRef();
  useEffect(() => {
    dialog.current.showModal();
    refusal.current.focus();
  }, []);
  return html`<dialog ref=${dialog} aria-labelledby=${id} onClose=${onCancel}>
    <form method="dialog" class="confirm" onSubmit=${(event) => event.preventDefault()}>
      <h2 id=${id}>${title}</h2>
      ${children}
      <div class="form-actions">
        <button type="button" class="danger" disabled=${busy} onClick=${onConfirm}>${action}</button>
        <button type="button" ref=${refusal} onClick=${() => dialog.current.close()}>Keep it</button>
      </div>
    </form>
  </dialog>`;
}
