// The frame around every page of a signed-in person.
import { html, useEffect } from '/vendor/preact.js';
import { may, session } from '../api.js';
import { signOut } from '../sign-in.js';
import { useStore } from '../store.js';
import { Button } from './button.js';
import { Icon } from './icon.js';
import { Palette } from './palette.js';
import { SignInNotices } from './sign-in-notices.js';
import { toast } from './toast.js';

const LINKS = [
  { href: '/', label: 'Overview', own: (path) => path === '/' },
  { href: '/agents', label: 'Agents', own: (path) => path.startsWith('/agents') },
  { href: '/backups', label: 'Backups', own: (path) => /^\/(backups|configs|jobs)/.test(path) },
  { href: '/releases', label: 'Updates', own: (path) => /^\/(releases|rollouts|containers)/.test(path) },
];

// What belongs to a person or is for admins stands in the menu of the account.
const PLACES = [
  { href: '/account', label: 'My account' },
  { href: '/users', label: 'People', role: 'admin' },
  { href: '/audit', label: 'Audit', role: 'admin' },
  { href: '/settings', label: 'Settings', role: 'admin' },
];

const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const current = (here) => (here ? 'page' : undefined);

export const Logo = () => html`<img src="/logo.svg" alt="" width="28" height="28" class="logo" />`;

export function Layout({ path, children }) {
  const user = useStore(session);
  const leave = () => signOut().catch((error) => toast(error.message, 'bad'));
  return html`
    <a class="skip" href="#main" onClick=${skip}>Skip to the content</a>
    <header class="top"><div class="container">
      <a href="/" class="brand"><${Logo} />Muster</a>
      <nav aria-label="Main">${LINKS.map((link) => html`
        <a href=${link.href} aria-current=${current(link.own(path))}>${link.label}</a>`)}</nav>
      <div class="top-end">
        <${Palette} />
        ${may('operator') && html`<a href="/add" role="button" class="small" aria-current=${current(path === '/add')}>
          <${Icon} name="plus" />Add an agent</a>`}
        <${Account} user=${user?.user} onLeave=${leave} />
      </div>
    </div></header>
    <main id="main" class="container" tabindex="-1"><${SignInNotices} path=${path} />${children}</main>
    <footer class="container bottom">
      <span>Muster ${user?.version}</span><span>Times are in your zone, ${ZONE}</span>
    </footer>`;
}

// The address stays as it is: the hash is no place of these pages.
function skip(event) {
  event.preventDefault();
  const main = document.getElementById('main');
  main.focus();
  main.scrollIntoView();
}

function leaveMenu(event) {
  event.currentTarget.closest('details').open = false;
}

function Account({ user, onLeave }) {
  useEffect(() => {
    const close = (event) => {
      const menu = document.querySelector('details.account[open]');
      if (!menu) return;
      if (event.type === 'click' ? !menu.contains(event.target) : event.key === 'Escape') {
        menu.open = false;
        if (event.type === 'keydown') menu.querySelector('summary').focus();
      }
    };
    addEventListener('click', close);
    addEventListener('keydown', close);
    return () => {
      removeEventListener('click', close);
      removeEventListener('keydown', close);
    };
  }, []);
  const letter = (user?.email ?? '?')[0].toUpperCase();
  return html`<details class="account">
    <summary aria-label=${`Account of ${user?.email}`}><span class="avatar">${letter}</span></summary>
    <div class="menu"><p>${user?.email}<small class="muted">${user?.role}</small></p>
      <nav aria-label="Account">${PLACES.filter(({ role }) => !role || may(role)).map(({ href, label }) => html`
        <a href=${href} key=${href} onClick=${leaveMenu}>${label}</a>`)}</nav>
      <${Button} look="quiet" onClick=${onLeave}>Sign out</${Button}></div>
  </details>`;
}
