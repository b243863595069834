// A list of objects as a table.
import { html, useState } from '../lib.js';
import { number } from '../format.js';
import { imageType, imageUrl, isBox, isRecord } from './find.js';

const FIRST_ROWS = 10;

export function Table({ rows, name }) {
  const [all, setAll] = useState(false);
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const shown = all ? rows : rows.slice(0, FIRST_ROWS);
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${name}>
      <table>
        <thead><tr><th scope="col">#</th>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead>
        <tbody>
          ${shown.map((row, index) => html`<tr><td class="faint">${index + 1}</td>${columns.map((column) => html`<${Cell} value=${row[column]} />`)}</tr>`)}
        </tbody>
      </table>
    </div>
    ${
      shown.length < rows.length &&
      html`<button type="button" class="small" onClick=${() => setAll(true)}>Show all ${rows.length} rows</button>`
    }`;
}

function Cell({ value }) {
  if (typeof value === 'number')
    return html`<td class="figure">${Number.isInteger(value) ? value : number4(value)}</td>`;
  if (imageType(value)) return html`<td><img class="thumb" src=${imageUrl(value)} alt="" /></td>`;
  if (isBox(value)) return html`<td class="box-cell">${value.width} × ${value.height} at ${value.x}, ${value.y}</td>`;
  if (isColor(value)) return html`<td><${Color} of=${value} /></td>`;
  return html`<td>${cellText(value)}</td>`;
}

const number4 = (value) => (Math.abs(value) < 1 ? String(Number(value.toPrecision(4))) : number(value));

/** Objects of a few plain fields read better without JSON's marks. */
function cellText(value) {
  if (value === null || value === undefined) return '–';
  const plain = isRecord(value) && Object.values(value).every((one) => typeof one !== 'object');
  if (plain)
    return Object.entries(value)
      .map(([name, one]) => `${name} ${one}`)
      .join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export const isColor = (value) => typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value);

export const Color = ({ of }) => html`<span class="color">
  <svg viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" rx="2" fill=${of} /></svg><code>${of}</code>
</span>`;
