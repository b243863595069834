// What is in a result: images, boxes in an image, and lists that make a table.

const MAGIC = [
  ['iVBORw0KGgo', 'image/png'],
  ['/9j/', 'image/jpeg'],
  ['R0lGOD', 'image/gif'],
  ['UklGR', 'image/webp'],
];
const LEAST_BASE64 = 60;
const DEEPEST = 4;

/** The media type of an image in base64 or a data: URL, or null. */
export function imageType(text) {
  if (typeof text !== 'string' || text.length < LEAST_BASE64) return null;
  if (text.startsWith('data:image/')) return text.slice(5, text.indexOf(';'));
  return MAGIC.find(([start]) => text.startsWith(start))?.[1] ?? null;
}

export const imageUrl = (text) => (text.startsWith('data:') ? text : `data:${imageType(text)};base64,${text}`);

/** All images in a value, as `[{path, text}]`. */
export function images(value, path = '') {
  if (imageType(value)) return [{ path, text: value }];
  if (typeof value !== 'object' || value === null || path.split('/').length > DEEPEST + 1) return [];
  return Object.entries(value).flatMap(([name, inner]) => images(inner, `${path}/${name}`));
}

const S3 = /^(?:[a-z0-9.-]+\.)?s3(?:[.-][a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?$/;
const HERE = ['127.0.0.1', 'localhost', '[::1]'];

/**
 * Whether a result is the link to one that is too large for a response. A tool may return an object that looks like
 * it: only presigned URLs of S3 count, or of this machine if the console is on it.
 */
export function isDownload(value) {
  if (!isRecord(value) || Object.keys(value).sort().join() !== 'download_url,expires_at,size') return false;
  if (typeof value.download_url !== 'string' || !URL.canParse(value.download_url)) return false;
  const { protocol, hostname, port, username, searchParams } = new URL(value.download_url);
  if (username || !searchParams.has('X-Amz-Signature')) return false;
  const local = protocol === 'http:' && HERE.includes(hostname) && HERE.includes(location.hostname);
  return local || (protocol === 'https:' && !port && S3.test(hostname));
}

export const isRecord = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
export const isTable = (value) => Array.isArray(value) && value.length > 0 && value.every(isRecord);

export const isBox = (value) =>
  isRecord(value) && ['x', 'y', 'width', 'height'].every((name) => Number.isFinite(value[name]));
const boxIn = (item) => [item.box, item.bbox, item.bounding_box, item].find(isBox);

/** The lists of objects with a box, as `[{name, boxes: [{x, y, width, height, label}]}]`. */
export function boxLists(value) {
  if (!isRecord(value)) return [];
  return Object.entries(value)
    .filter(([, list]) => isTable(list) && list.every(boxIn))
    .map(([name, list]) => ({
      name,
      boxes: list.map((item, index) => ({ ...boxIn(item), label: labelOf(item, index), text: item.text })),
    }));
}

function labelOf(item, index) {
  const named = item.text ?? item.label ?? item.name ?? item.class ?? `${index + 1}`;
  const sure = item.confidence ?? item.score;
  return Number.isFinite(sure) ? `${named} (${Math.round(sure * 100)} %)` : String(named);
}
