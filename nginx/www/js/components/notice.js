// What a page says when it has nothing to show, or cannot.
import { html } from '/vendor/preact.js';
import { Button } from './button.js';
import { Icon } from './icon.js';

// An empty place says what to do next, so children are the next step.
export function Empty({ icon = 'server', title, children }) {
  return html`<div class="empty">
    <${Icon} name=${icon} />
    <p class="empty-title">${title}</p>
    <div>${children}</div>
  </div>`;
}

// A line that stands out: tone is good, warn, bad or calm. children after the text stand at its end.
export function Notice({ tone, icon, role, text, children }) {
  return html`<div class=${`notice ${tone}`} role=${role}><${Icon} name=${icon} /><p>${text}</p>${children}</div>`;
}

// With data on the page already, a failed refresh is a line above it; without, it is the page.
export function LoadError({ error, stale, onRetry }) {
  if (!error) return null;
  const request = error.requestId && html` <small class="muted">Request ${error.requestId}</small>`;
  const text = html`${stale ? 'Not up to date. ' : ''}${error.message}${request}`;
  return html`<${Notice} tone="bad" icon="warning" role="alert" text=${text}>
    ${onRetry && html`<${Button} onClick=${onRetry}>Try again</${Button}>`}
  </${Notice}>`;
}

export const Loading = ({ what }) => html`<p class="loading" aria-busy="true">Loading ${what}…</p>`;
