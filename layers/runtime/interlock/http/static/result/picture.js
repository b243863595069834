// Boxes drawn over the image that they were found in.
import { html, useState } from '../lib.js';
import { useFileUrl } from '../form/file.js';

const BASELINE = 0.82;
const MARGIN = 1.02;
const NO_IMAGE = ', without the image: only the tab that has sent it could show it';

/** `lists` are named lists of boxes, `files` the images of the input as `[{path, file}]`. */
export function Picture({ lists, files, width, height }) {
  const [shown, setShown] = useState(files.length - 1);
  const [natural, setNatural] = useState(null);
  const [label, setLabel] = useState('');
  const url = useFileUrl(files[shown]?.file);
  const size = extent(lists, natural, width, height);
  const measure = ({ target }) => setNatural({ width: target.naturalWidth, height: target.naturalHeight });
  const told = lists.map(({ name, boxes }) => `${boxes.length} ${name}`).join(', ');
  const count = lists.reduce((sum, { boxes }) => sum + boxes.length, 0);
  return html`<figure class="picture">
    ${
      files.length > 1 &&
      html`<div class="tabs" role="group" aria-label="Image below the boxes">
      ${files.map(({ path }, index) => html`<button type="button" class="small" aria-pressed=${index === shown} onClick=${() => setShown(index)}>${path.slice(1)}</button>`)}
    </div>`
    }
    <div class=${`picture-frame${url ? '' : ' without-image'}`} style=${{ aspectRatio: `${size.width} / ${size.height}` }}>
      ${url && html`<img src=${url} alt="The image of the input" onLoad=${measure} />`}
      <svg viewBox=${`0 0 ${size.width} ${size.height}`} role="img" aria-label=${`${count} boxes in the image`} onMouseLeave=${() => setLabel('')}>
        ${lists.flatMap(({ boxes }, list) =>
          boxes.map((box) => html`<${Box} box=${box} list=${list} withText=${!url} onPoint=${setLabel} />`),
        )}
      </svg>
    </div>
    <figcaption>${label || `${told}${url ? '' : NO_IMAGE}`}</figcaption>
  </figure>`;
}

/** A box and, where there is no image that shows it, its text. */
const Box = ({
  box,
  list,
  withText,
  onPoint,
}) => html`<g class=${`box box-${list % 3}`} onMouseEnter=${() => onPoint(box.label)}>
  <rect x=${box.x} y=${box.y} width=${box.width} height=${box.height} vector-effect="non-scaling-stroke" />
  ${
    withText &&
    box.text &&
    html`<text x=${box.x} y=${box.y + box.height * BASELINE} font-size=${box.height} textLength=${box.width} lengthAdjust="spacingAndGlyphs">
    ${box.text}
  </text>`
  }
  <title>${box.label}</title>
</g>`;

/** The size of the image in the units of the boxes: as the result says, else as the image is, else as the boxes need. */
function extent(lists, natural, width, height) {
  if (width > 0 && height > 0) return { width, height };
  if (natural) return natural;
  const all = lists.flatMap(({ boxes }) => boxes);
  return {
    width: MARGIN * Math.max(...all.map((box) => box.x + box.width)),
    height: MARGIN * Math.max(...all.map((box) => box.y + box.height)),
  };
}
