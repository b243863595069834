// A file that is dropped or chosen, with a preview of images.
import { html, useEffect, useState } from '../lib.js';
import { bytes } from '../format.js';

/** A URL of a file for as long as the component lives. */
export function useFileUrl(file) {
  const [url, setUrl] = useState(null);
  useEffect(() => {
    if (!(file instanceof File)) return setUrl(null);
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return url;
}

export function FileField({ id, invalid, describedBy, required, value, partial, name, onChange }) {
  const [over, setOver] = useState(false);
  const take = (files) => files.length && onChange(files[0]);
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  const hover = (event) => {
    event.preventDefault();
    setOver(true);
  };
  return html`<div class=${`drop${over ? ' over' : ''}`} onDragOver=${hover} onDragLeave=${() => setOver(false)} onDrop=${drop}>
    <input id=${id} class="drop-input" type="file" required=${required} aria-invalid=${invalid ? 'true' : undefined}
      aria-describedby=${describedBy} onChange=${(event) => take(event.target.files)} />
    ${
      value instanceof File
        ? html`<${Chosen} file=${value} />
          <button type="button" class="quiet small" onClick=${() => onChange(undefined)}>Remove<span class="unseen"> ${name}</span></button>`
        : html`<span class="drop-hint">${partial ? 'The file stays as it was. ' : ''}Drop a file here, or <span class="link">choose one</span></span>`
    }
  </div>`;
}

function Chosen({ file }) {
  const url = useFileUrl(file);
  return html`<span class="chosen">
    ${url && file.type.startsWith('image/') && html`<img src=${url} alt=${`Preview of ${file.name}`} />`}
    <span><strong>${file.name}</strong><br /><span class="faint">${file.type || 'unknown type'}, ${bytes(file.size)}</span></span>
  </span>`;
}
