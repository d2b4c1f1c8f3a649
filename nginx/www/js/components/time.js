// A moment as "5 minutes ago", with the exact value in the viewer's zone on hover and in the markup.
import { html } from '/vendor/preact.js';
import { clock } from '../clock.js';
import { useStore } from '../store.js';
import { formatDay, formatExact, formatRelative, formatStamp } from '../format.js';

const FORMATS = { day: formatDay, stamp: formatStamp };

// as: undefined for relative, 'day' for a date, 'stamp' for date and time of day (logs).
export function Time({ ms, as, none = 'never' }) {
  const now = useStore(clock);
  if (ms === null || ms === undefined) return html`<span class="muted">${none}</span>`;
  const text = FORMATS[as]?.(ms) ?? formatRelative(ms, now);
  return html`<time datetime=${new Date(ms).toISOString()} title=${formatExact(ms)}>${text}</time>`;
}
