// Numbers and times as people read them, in the viewer's language and zone.
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const shortDay = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const shortTime = new Intl.DateTimeFormat(undefined, {
  month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit',
});
const numbers = new Intl.NumberFormat();

const STEPS = [
  ['year', 31536e6], ['month', 2628e6], ['day', 864e5], ['hour', 36e5], ['minute', 6e4], ['second', 1e3],
];

export function formatRelative(ms, nowMs) {
  const delta = ms - nowMs;
  // Clocks differ and replies travel: within ten seconds there is nothing worth a number that jumps.
  if (Math.abs(delta) < 1e4) return 'just now';
  const [unit, size] = STEPS.find(([, step]) => Math.abs(delta) >= step);
  return relative.format(Math.trunc(delta / size), unit);
}

export const formatExact = (ms) => exact.format(ms);
export const formatDay = (ms) => shortDay.format(ms);
export const formatStamp = (ms) => shortTime.format(ms);
export const formatCount = (n) => numbers.format(n ?? 0);
export const plural = (n, one, many = `${one}s`) => `${formatCount(n)} ${n === 1 ? one : many}`;

// The words of an agent or of the engine as a sentence of a page.
export function sentence(words) {
  const text = words.trim();
  const first = /^[a-z]+[ :,]/.test(text) ? text[0].toUpperCase() + text.slice(1) : text;
  return !text || /[.!?]$/.test(text) ? first : `${first}.`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function formatBytes(bytes) {
  if (bytes === null || bytes === undefined) return '–';
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

// Two units are enough: nobody acts on the seconds of a three-day backup.
export function formatDuration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86400), 'd'], [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'], [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(' ');
}

export function formatCountdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const pad = (n) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  return `${hours ? `${hours}:` : ''}${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`;
}

export const formatPlatform = (agent) => [agent.platform, agent.arch].filter(Boolean).join('/') || '–';

// Newest last; what stands before a release (0.2.0-rc1) is older than it.
export function compareVersions(a, b) {
  const [plainA, preA = ''] = a.split(/-(.*)/s);
  const [plainB, preB = ''] = b.split(/-(.*)/s);
  const order = plainA.localeCompare(plainB, 'en', { numeric: true });
  if (order || preA === preB) return order;
  if (!preA || !preB) return preA ? -1 : 1;
  return preA.localeCompare(preB, 'en', { numeric: true });
}
