// Files that the browser saves.

export function save(name, content) {
  const url = URL.createObjectURL(new Blob([content]));
  const link = Object.assign(document.createElement('a'), { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}

/** The bytes of base64 text or of a data: URL. */
export const decoded = (text) => Uint8Array.from(atob(text.slice(text.indexOf(',') + 1)), (one) => one.charCodeAt(0));
