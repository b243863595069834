// Inputs of tools: files in them, requests as curl commands, and the changes between two inputs.
import { failure, upload } from './api.js';

/** Larger inputs are uploaded: a request may have 6 MB, and base64 adds a third. */
export const INLINE_BYTES = 3 * 1024 * 1024;

const isPlain = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof File);

/** The files in an input, as `[{path, file}]`. */
export function filesOf(value, path = '') {
  if (value instanceof File) return [{ path, file: value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => filesOf(inner, `${path}/${name}`));
}

/** Replace the files in an input by base64 text, or by uploads if they are large. */
export async function withFiles(input) {
  const size = filesOf(input).reduce((sum, { file }) => sum + file.size, 0);
  return replaced(input, size > INLINE_BYTES ? upload : base64);
}

/** Replace the files in an input by what `read` returns for them. */
export async function replaced(value, read) {
  if (value instanceof File) return read(value);
  if (Array.isArray(value)) return Promise.all(value.map((one) => replaced(one, read)));
  if (!isPlain(value)) return value;
  const entries = Object.entries(value).map(async ([name, inner]) => [name, await replaced(inner, read)]);
  return Object.fromEntries(await Promise.all(entries));
}

export function base64(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(',') + 1));
    reader.onerror = () => failed(unreadable(file));
    reader.readAsDataURL(file);
  });
}

/** Browsers do not read a file that has changed since it was chosen. */
export const unreadable = ({ name }) =>
  failure('file_unreadable', `${name} cannot be read. If it has changed since you chose it, choose it again.`);

/** A curl command for a request. Files are read where it runs, by standard input, which takes any length. */
export function curl(url, body, headers = []) {
  const files = [];
  const text = JSON.stringify(
    body,
    (_, value) => (value instanceof File ? `\u0000${files.push(value.name) - 1}\u0000` : value),
    2,
  );
  const parts = ['X-API-Key: $INTERLOCK_KEY', 'Content-Type: application/json', ...headers];
  const flags = parts.map((header) => `  -H "${header}" \\\n`).join('');
  const marker = files.length ? 'JSON' : "'JSON'";
  const escaped = files.length ? text.replace(/[\\$`]/g, '\\$&') : text;
  const read = escaped.replace(
    /(?:\\\\|\\)u0000(\d+)(?:\\\\|\\)u0000/g,
    (_, index) => `$(base64 < ${quoted(files[index])} | tr -d '\\n')`,
  );
  return `curl -s ${quoted(url)} \\\n${flags}  -d @- <<${marker}\n${read}\nJSON`;
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The JSON Merge Patch (RFC 7396) that turns one input into another. */
export function mergePatch(before, after) {
  const patch = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[name], after[name]];
    if (now === undefined) {
      if (old !== undefined) patch[name] = null;
    } else if (isPlain(old) && isPlain(now)) {
      const inner = mergePatch(old, now);
      if (Object.keys(inner).length) patch[name] = inner;
    } else if (!same(old, now)) patch[name] = now;
  }
  return patch;
}

function same(one, other) {
  if (one instanceof File || other instanceof File) return one === other;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, index) => same(value, other[index]));
  if (isPlain(one) && isPlain(other)) return Object.keys(mergePatch(one, other)).length === 0;
  return one === other;
}

const remembered = new Map();

/** The inputs of jobs that this tab has submitted. The API gives out none, and nothing of them is stored. */
export const remember = (jobId, input) => remembered.set(jobId, input);
export const inputOf = (jobId) => remembered.get(jobId);
