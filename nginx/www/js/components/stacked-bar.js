// How a whole divides into parts: one bar, and a legend that says the same in words and numbers. Drawn as SVG, whose
// attributes may hold a width; the policy of these pages forbids style attributes.
import { html } from '/vendor/preact.js';
import { formatCount } from '../format.js';

const LEAST = 0.7; // percent: one failure among ten thousand has to be seen

function widths(parts) {
  const total = parts.reduce((sum, part) => sum + part.count, 0);
  if (!total) return parts.map(() => 0);
  const raw = parts.map(({ count }) => (count ? Math.max(LEAST, (count / total) * 100) : 0));
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((width) => (width * 100) / sum);
}

// parts: [{name, label, tone, count}]; label names the bar for those who do not see it.
export function StackedBar({ parts, label, look = '' }) {
  let x = 0;
  const said = parts.filter((part) => part.count).map((part) => `${part.label} ${formatCount(part.count)}`).join(', ');
  const sizes = widths(parts);
  return html`<svg class=${`stack ${look}`} viewBox="0 0 100 10" preserveAspectRatio="none" role="img"
    aria-label=${`${label}: ${said || 'nobody yet'}`}>
    <rect class="part-ground" width="100" height="10" />
    ${parts.map((part, n) => {
      const at = x;
      x += sizes[n];
      return html`<rect key=${part.name} class=${`part-${part.tone}`} x=${at} width=${sizes[n]} height="10" />`;
    })}
  </svg>`;
}

// Parts that are empty and never matter are left out; those without a part of the bar still have their zero.
export function Legend({ parts }) {
  return html`<ul class="legend">${parts.map((part) => html`<li key=${part.name} class=${part.count ? '' : 'zero'}>
    <span class=${`swatch part-${part.tone}`}></span>${part.label} <strong>${formatCount(part.count)}</strong>
  </li>`)}</ul>`;
}
