// Real addresses through the history API. Links are plain <a href>: one listener turns same-origin clicks into a change
// of place, so opening in a new tab, copying an address and going back work as everywhere else.
import { createStore, useStore } from './store.js';

const read = () => ({ path: location.pathname, search: location.search });

export const place = createStore(read());

export function navigate(url, { replace = false } = {}) {
  const next = new URL(url, location.href);
  if (next.pathname + next.search === location.pathname + location.search) return;
  const moved = next.pathname !== location.pathname;
  history[replace ? 'replaceState' : 'pushState'](null, '', next.pathname + next.search);
  place.set(read());
  if (moved) scrollTo(0, 0);
}

addEventListener('popstate', () => place.set(read()));

document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href]');
  if (!link || event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  if (link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.getAttribute('href').startsWith('#')) return;
  event.preventDefault();
  navigate(link.href);
});

// The query as an object, and a way to change some of it. A filter changes the address, so a view can be shared; it
// also goes back to the first page, because page 7 of another list means nothing.
export function useQuery() {
  const query = queryOf(useStore(place));
  // Onto the address as it is by then: a search that waits for the typing to pause must not undo a choice made meanwhile.
  const change = (patch, options) => navigate(withQuery(place.get().path, { ...queryOf(place.get()), page: '', ...patch }), options);
  return [query, change];
}

export const queryOf = ({ search }) => Object.fromEntries(new URLSearchParams(search));

export function withQuery(path, query) {
  const filled = Object.entries(query).filter(([, value]) => value !== '' && value !== null && value !== undefined);
  const text = new URLSearchParams(filled).toString();
  return text ? `${path}?${text}` : path;
}

// Where to go after signing in. Only a path of this site: an address from outside would make the sign-in page a
// springboard.
export function safeNext(next) {
  if (!next || !next.startsWith('/')) return '/';
  const url = new URL(next, location.origin);
  if (url.origin !== location.origin || ['/login', '/invitation'].includes(url.pathname)) return '/';
  return url.pathname + url.search;
}
