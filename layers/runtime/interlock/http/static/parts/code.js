// Code to copy, and JSON to read.
import { html, useState } from '../lib.js';

const COPIED_MS = 1500;

export function CopyButton({ text, label = 'Copy' }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), COPIED_MS);
  };
  return html`<button type="button" class="quiet small" onClick=${copy}>${copied ? 'Copied' : label}</button>`;
}

/** A block of code that can be scrolled with the keyboard, too. */
export const Code = ({ text, label }) => html`<div class="code">
  <pre tabindex="0" role="region" aria-label=${label}>${text}</pre>
  <${CopyButton} text=${text} />
</div>`;

export const Json = ({ value, label = 'JSON' }) =>
  html`<${Code} text=${JSON.stringify(value, shortened, 2)} label=${label} />`;

const LONG = 400;

function shortened(_, value) {
  if (typeof value !== 'string' || value.length <= LONG) return value;
  return `${value.slice(0, LONG)}… (${value.length} characters)`;
}
