// The name of the page: its heading, and what the tab and the history show.
import { html, useEffect } from '/vendor/preact.js';

export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · Muster` : 'Muster';
  }, [title]);
}

export function PageHead({ title, children }) {
  useTitle(title);
  return html`<header class="page-head"><h1>${title}</h1>${children && html`<div class="actions">${children}</div>`}</header>`;
}
