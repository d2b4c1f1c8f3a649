// The pages of one's own account, and the way between them.
import { html } from '/vendor/preact.js';
import { place } from '../router.js';
import { useStore } from '../store.js';
import { PageHead } from './title.js';

const PAGES = [
  ['/account', 'Sign-in'], ['/account/sessions', 'Sessions'], ['/account/tokens', 'Access tokens'],
  ['/account/profile', 'Profile'],
];

export function AccountHead({ title }) {
  const { path } = useStore(place);
  const link = ([href, label]) => html`<a href=${href} key=${href}
    aria-current=${path === href ? 'page' : undefined}>${label}</a>`;
  return html`<${PageHead} title=${title} />
    <nav class="subnav" aria-label="My account">${PAGES.map(link)}</nav>`;
}
