// The items of a batch, from files or from JSON Lines.
import { failure, upload } from './api.js';
import { INLINE_BYTES, base64, filesOf, replaced, unreadable } from './input.js';
import { loadEach } from './loading.js';
import { read } from './schema.js';

const MOST_ITEMS = 10_000;
const LONGEST_KEY = 255;

/** The field that a file of a batch becomes: a required one, or else the first that takes a file. */
export function fileFieldOf(schema) {
  const names = Object.keys(schema.properties ?? {}).filter((name) => takesFile(schema.properties[name], schema));
  return names.find((name) => schema.required?.includes(name)) ?? names[0];
}

function takesFile(given, root) {
  const { kind, schema } = read(given, root);
  return kind === 'file' || (kind === 'list' && read(schema.items, root).kind === 'file');
}

/** The schema of what all items have in common. */
export function withoutField(schema, field) {
  const { [field]: _, ...properties } = schema.properties;
  return { ...schema, properties, required: schema.required?.filter((name) => name !== field) };
}

/** Return the part of the request that has the items. `tell` is called with what is going on. */
export async function itemsOfFiles(schema, field, files, input, tell) {
  checkNumber(files.length);
  const common = filesOf(input).reduce((sum, { file }) => sum + file.size, 0);
  const size = files.reduce((sum, file) => sum + file.size, common * files.length);
  const inline = size <= INLINE_BYTES;
  const shared = await replaced(input, inline ? base64 : upload);
  const several = read(schema.properties[field], schema).kind === 'list';
  let sent = 0;
  let problem;
  const loaded = await loadEach([...files.keys()], async (index) => {
    if (problem) return;
    try {
      const file = await (inline ? base64 : upload)(files[index]);
      tell(`Sending file ${(sent += 1)} of ${files.length}…`);
      return several ? [file] : file;
    } catch (error) {
      problem = error;
    }
  });
  if (problem) throw problem;
  return { items: files.map(({ name }, index) => ({ input: { ...shared, [field]: loaded[index] }, key: name.slice(-LONGEST_KEY) })) };
}

/** Return the part of the request that has the items of a file with JSON Lines. */
export async function itemsOfLines(file) {
  if (file.size > INLINE_BYTES) return upload(file);
  const content = await file.text().catch(() => {
    throw unreadable(file);
  });
  const lines = content.split('\n').map((text, index) => ({ text: text.trim(), number: index + 1 }));
  const items = lines.filter(({ text }) => text).map(parsed);
  checkNumber(items.length);
  return { items };
}

function parsed({ text, number }) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failure('invalid_request', `Line ${number} is not JSON: ${error.message}.`);
  }
}

function checkNumber(count) {
  if (count < 1 || count > MOST_ITEMS)
    throw failure('invalid_request', `There are ${count} items. A batch has 1 to ${MOST_ITEMS}.`);
}
