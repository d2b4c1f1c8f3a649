// What the pages about the audit trail share.
import { withQuery } from './router.js';

// The parts of the address that narrow the list.
export const FILTERS = ['q', 'actor', 'action', 'target', 'result', 'address', 'from_ms', 'to_ms'];

export const RESULTS = {
  ok: { label: 'Done', icon: 'check', tone: 'good' },
  denied: { label: 'Denied', icon: 'shield', tone: 'warn' },
  failed: { label: 'Failed', icon: 'cross', tone: 'bad' },
};

export const pick = (query) => Object.fromEntries(FILTERS.map((name) => [name, query[name] ?? '']));
export const exportUrl = (query, format) => withQuery('/api/audit/export', { ...pick(query), format });

// What has no shape of its own, or turns around what stands beside it. In the trail stands what anybody sent: it is shown
// as what it is.
const HIDDEN = /[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
export const plain = (text) => String(text ?? '').replace(HIDDEN,
  (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

const WORDS = { system: 'The server', anonymous: 'Not signed in' };

// Who did it, or what it was done to, as people call it: the name, else what stands in the trail.
export function nameOf(id, name) {
  if (name) return plain(name);
  if (WORDS[id]) return WORDS[id];
  return id.startsWith('cli:') ? `Command line, uid ${plain(id.slice(4))}` : plain(id);
}

const PLACES = { agent: '/agents/', user: '/users/', config: '/configs/', run: '/backups/', rollout: '/rollouts/', release: '/releases/' };

// Where it can be looked at, or ''.
export function placeOf(id) {
  const [, kind, rest] = /^([a-z]+):(.+)$/.exec(id) ?? [];
  return PLACES[kind] ? PLACES[kind] + encodeURIComponent(rest) : '';
}

// A field of the type datetime-local speaks of the viewer's zone, the address of none.
export function localTime(ms) {
  if (!ms) return '';
  const date = new Date(Number(ms));
  if (Number.isNaN(date.getTime())) return '';
  return new Date(date.getTime() - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}
export function fromLocalTime(text) {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? '' : String(ms);
}
