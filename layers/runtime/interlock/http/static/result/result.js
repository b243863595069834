// A result, shown as what it is: pictures, text, facts, tables, or JSON.
import { html, useState } from '../lib.js';
import { bytes, date, words } from '../format.js';
import { filesOf } from '../input.js';
import { Json } from '../parts/code.js';
import { decoded, save } from '../parts/save.js';
import { boxLists, images, imageType, imageUrl, isDownload, isRecord, isTable } from './find.js';
import { Picture } from './picture.js';
import { Color, Table, isColor } from './table.js';

/** `input` is the job's input, if this tab has it. */
export function Result({ value, input }) {
  const [raw, setRaw] = useState(false);
  const tab = (title, on) =>
    html`<button type="button" class="small" aria-pressed=${raw === on} onClick=${() => setRaw(on)}>${title}</button>`;
  return html`<div class="result">
    <div class="result-bar">
      <div class="tabs" role="group" aria-label="How to show the result">${tab('Result', false)}${tab('JSON', true)}</div>
      <button type="button" class="quiet small" onClick=${() => save('result.json', JSON.stringify(value, null, 2))}>Download JSON</button>
    </div>
    ${raw ? html`<${Json} value=${value} label="The result as JSON" />` : html`<${Shown} value=${value} input=${input} />`}
  </div>`;
}

function Shown({ value, input }) {
  if (isDownload(value)) return html`<${Download} of=${value} />`;
  if (!isRecord(value)) return html`<${Part} name="Result" value=${value} />`;
  const boxes = boxLists(value);
  const pictures = filesOf(input).filter(({ file }) => file.type.startsWith('image/'));
  const facts = Object.entries(value).filter(([, one]) => isFact(one));
  const parts = Object.entries(value).filter(([, one]) => !isFact(one));
  return html`
    ${boxes.length > 0 && html`<${Picture} lists=${boxes} files=${pictures} width=${value.width} height=${value.height} />`}
    ${images(value).map(({ path, text }) => html`<${Image} name=${path.slice(1)} text=${text} />`)}
    ${facts.length > 0 && html`<dl class="facts">${facts.map(([name, one]) => html`<div><dt>${words(name)}</dt><dd><${Fact} value=${one} /></dd></div>`)}</dl>`}
    ${parts.filter(([, one]) => !imageType(one)).map(([name, one]) => html`<${Part} name=${words(name)} value=${one} />`)}`;
}

const LONG = 80;
const isFact = (value) => value === null || typeof value === 'number' || typeof value === 'boolean' || isShort(value);
const isShort = (value) =>
  typeof value === 'string' && value.length <= LONG && !value.includes('\n') && !imageType(value);

function Fact({ value }) {
  if (value === null) return '–';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return isColor(value) ? html`<${Color} of=${value} />` : String(value);
}

function Part({ name, value }) {
  const title = html`<h3>${name}</h3>`;
  if (isTable(value)) return html`<section>${title}<${Table} rows=${value} name=${name} /></section>`;
  if (typeof value === 'string')
    return html`<section>${title}<pre class="text" tabindex="0" role="region" aria-label=${name}>${value}</pre></section>`;
  if (Array.isArray(value) && value.length === 0) return html`<section>${title}<p class="faint">None</p></section>`;
  if (Array.isArray(value) && value.every(isFact))
    return html`<section>${title}<p>${value.map(String).join(', ')}</p></section>`;
  if (isRecord(value) && Object.values(value).every(isFact))
    return html`<section>${title}<${Record} of=${value} /></section>`;
  return html`<section>${title}<${Json} value=${value} label=${name} /></section>`;
}

function Record({ of }) {
  const entries = Object.entries(of);
  if (!entries.length) return html`<p class="faint">None</p>`;
  return html`<dl class="facts">${entries.map(([name, one]) => html`<div><dt>${name}</dt><dd><${Fact} value=${one} /></dd></div>`)}</dl>`;
}

const Image = ({ name, text }) => html`<figure class="image">
  <img src=${imageUrl(text)} alt=${`The result's ${name}`} />
  <figcaption>${name} <button type="button" class="quiet small" onClick=${() => save(`${name.replaceAll('/', '-')}.${imageType(text).split('/')[1]}`, decoded(text))}>
    Download<span class="unseen"> ${name}</span>
  </button></figcaption>
</figure>`;

const Download = ({ of }) => html`<p class="download">
  The result is too large to show: <a href=${of.download_url} download="result.json">download ${bytes(of.size)} of JSON</a>
  <span class="faint">(until ${date(of.expires_at)})</span>
</p>`;
