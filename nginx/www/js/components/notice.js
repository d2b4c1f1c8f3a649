// What a page says when it has nothing to show, or cannot.
import { html } from '/vendor/preact.js';
import { Icon } from './icon.js';

// An empty place says what to do next, so children are the next step.
export function Empty({ icon = 'server', title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><p class="empty-title">${title}</p><div>${children}</div></div>`;
}

// With data on the page already, a failed refresh is a line above it; without, it is the page.
export function LoadError({ error, stale, onRetry }) {
  if (!error) return null;
  return html`<div class="notice bad" role="alert">
    <${Icon} name="warning" />
    <p>${stale ? 'Not up to date. ' : ''}${error.message}${error.requestId && html` <small class="muted">Request ${error.requestId}</small>`}</p>
    ${onRetry && html`<button type="button" class="outline small" onClick=${onRetry}>Try again</button>`}
  </div>`;
}

export const Loading = ({ what }) => html`<p class="loading" aria-busy="true">Loading ${what}…</p>`;
