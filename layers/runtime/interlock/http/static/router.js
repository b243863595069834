// Pages by the hash of the address: #/jobs?status=failed. A page can be linked to, and the back button works.
import { useEffect, useState } from './lib.js';

/** Return `#/a/b?name=value`. Empty and missing values are left out; a list repeats its name. */
export function href(parts, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one) search.append(name, one);
  }
  const path = parts.map(encodeURIComponent).join('/');
  return `#/${path}${search.size ? `?${search}` : ''}`;
}

export const go = (...to) => {
  location.hash = href(...to);
};

function current() {
  const [path, search = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { parts: path.split('/').filter(Boolean).map(decoded), query: new URLSearchParams(search) };
}

/** The query of the address, which the page may not show yet. */
export const currentQuery = () => current().query;

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The route, which follows the address. */
export function useRoute() {
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const follow = () => setRoute(current());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);
  return route;
}
