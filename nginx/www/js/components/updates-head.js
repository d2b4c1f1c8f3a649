// The three pages about updates share one place in the navigation, and this way between them.
import { html } from '/vendor/preact.js';
import { place } from '../router.js';
import { useStore } from '../store.js';
import { PageHead } from './title.js';

const PAGES = [['/releases', 'Releases'], ['/rollouts', 'Rollouts'], ['/containers', 'Containers']];

export function UpdatesHead({ title, children }) {
  const { path } = useStore(place);
  const link = ([href, label]) => html`<a href=${href} key=${href}
    aria-current=${path === href ? 'page' : undefined}>${label}</a>`;
  return html`<${PageHead} title=${title}>${children && html`<div class="actions">${children}</div>`}</${PageHead}>
    <nav class="subnav" aria-label="Updates">${PAGES.map(link)}</nav>`;
}
