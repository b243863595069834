// The HTTP API. Its address is relative to this file: <stage>/console/<version>/api.js.
const BASE = new URL('../../v1/', import.meta.url);
const STORED_KEY = 'interlock.key';

export const FINAL = ['succeeded', 'failed', 'timed_out', 'cancelled'];
export const BATCH_FINAL = ['succeeded', 'failed', 'cancelled'];

/** An error envelope, or a request that got no answer (status 0). */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.status = status;
    this.error = error;
  }
}

export const apiUrl = (path) => new URL(path, BASE).href;
export const key = () => sessionStorage.getItem(STORED_KEY);
export const keepKey = (text) => sessionStorage.setItem(STORED_KEY, text);

/** Forget the key. `message` is shown at the field in which the next one is entered. */
export function forgetKey(message = '') {
  sessionStorage.removeItem(STORED_KEY);
  dispatchEvent(new CustomEvent('interlock:signed-out', { detail: message }));
}

/** Send a request; return `{status, body, headers}`. Throw `ApiError` for everything but 2xx. */
export async function call(method, path, { body, headers = {}, signal, as = key() } = {}) {
  const sent = { 'X-API-Key': as, ...headers };
  if (body !== undefined) sent['Content-Type'] = 'application/json';
  const answer = await reach(apiUrl(path), { method, headers: sent, body: body && JSON.stringify(body), signal });
  const read = await answer.json().catch(() => ({}));
  if (answer.ok) return { status: answer.status, body: read, headers: answer.headers };
  const error = read.error ?? { code: 'unreadable', message: `The answer has status ${answer.status}.`, details: {} };
  if (answer.status === 401 && as === key()) forgetKey(error.message);
  throw new ApiError(answer.status, error);
}

export const get = async (path, options) => (await call('GET', path, options)).body;

/** Upload a file to the bucket; return its `{upload_id}`. */
export async function upload(file) {
  const type = file.type || 'application/octet-stream';
  const { body } = await call('POST', 'uploads', { body: { content_type: type, size: file.size } });
  // The browser sets the length itself, and lets no page do it.
  const { 'Content-Length': _, ...headers } = body.headers;
  const stored = await reach(body.url, { method: body.method, headers, body: file }, BLOCKED);
  if (!stored.ok) throw failure('upload_failed', `The bucket answered ${stored.status} to the upload of ${file.name}.`);
  return { upload_id: body.upload_id };
}

/** Return the content of a presigned URL. */
export async function bucketFile(url) {
  const answer = await reach(url, {}, BLOCKED);
  if (!answer.ok) throw failure('download_failed', `The bucket answered ${answer.status} to the download.`);
  return answer.blob();
}

const BLOCKED =
  "The bucket does not accept requests from this page. Add its origin to the stack's parameter BrowserOrigins.";

async function reach(url, options, message = 'The service cannot be reached. Check your connection.') {
  try {
    return await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw failure('unreachable', message);
  }
}

/** An error of the page itself, in the form of the service's. */
export const failure = (code, message) => new ApiError(0, { code, message, details: {}, retryable: true });
