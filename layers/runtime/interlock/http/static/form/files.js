// Files that are dropped or chosen, for the items of a batch.
import { html, useId, useState } from '../lib.js';
import { bytes, number } from '../format.js';

const NAMED = 3;

export function FilesField({ label, value, multiple = false, accept, onChange }) {
  const id = useId();
  const [over, setOver] = useState(false);
  const take = (files) => files.length && onChange([...files].slice(0, multiple ? files.length : 1));
  const drop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files);
  };
  const choose = ({ target }) => {
    take(target.files);
    target.value = ''; // otherwise the same file, which may have changed, cannot be chosen again
  };
  const hover = (event) => {
    event.preventDefault();
    setOver(true);
  };
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <div class=${`drop${over ? ' over' : ''}`} onDragOver=${hover} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      <input id=${id} class="drop-input" type="file" multiple=${multiple} accept=${accept} onChange=${choose} />
      ${
        value.length
          ? html`<${Chosen} files=${value} />
            <button type="button" class="quiet small" onClick=${() => onChange([])}>Remove<span class="unseen"> the files</span></button>`
          : html`<span class="drop-hint">Drop ${multiple ? 'files' : 'a file'} here, or <span class="link">choose ${multiple ? 'them' : 'one'}</span></span>`
      }
    </div>
  </div>`;
}

function Chosen({ files }) {
  const names = files.slice(0, NAMED).map(({ name }) => name);
  const more = files.length - names.length;
  const size = files.reduce((sum, file) => sum + file.size, 0);
  return html`<span class="chosen"><span>
    <strong>${files.length === 1 ? names[0] : `${number(files.length)} files`}</strong><br />
    <span class="faint">${bytes(size)}${files.length > 1 ? `: ${names.join(', ')}${more > 0 ? ` and ${number(more)} more` : ''}` : ''}</span>
  </span></span>`;
}
