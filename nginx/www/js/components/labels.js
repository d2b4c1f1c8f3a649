// What people call groups of agents by, as links to those that have the same.
import { html } from '/vendor/preact.js';
import { withQuery } from '../router.js';

export const labelText = ([name, value]) => (value ? `${name}=${value}` : name);

export function Labels({ labels }) {
  const all = Object.entries(labels ?? {});
  if (!all.length) return null;
  return html`<span class="labels">${all.map((label) => html`<a class="label" key=${label[0]}
    href=${withQuery('/agents', { label: labelText(label) })}>${labelText(label)}</a>`)}</span>`;
}
