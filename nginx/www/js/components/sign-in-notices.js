// What somebody should do about their way in, said on every page until it is done or put aside for this session.
import { html } from '/vendor/preact.js';
import { session } from '../api.js';
import { plural } from '../format.js';
import { createStore, useStore } from '../store.js';
import { IconButton } from './button.js';
import { Notice } from './notice.js';

export const FEW_CODES = 3;

export const fewCodes = (left) => `${left ? `Only ${plural(left, 'backup code')} left` : 'No backup code is left'}: ${
  'make new ones, or a lost phone locks you out.'}`;

const aside = createStore(''); // the session whose notice was put aside
const ANEW = 'app-set-up-anew';
const anew = createStore(sessionStorage.getItem(ANEW)); // the session in which that was done

export function appSetUp() {
  const { id } = session.get().session;
  sessionStorage.setItem(ANEW, id);
  anew.set(id);
}

export function SignInNotices({ path }) {
  const { session: now, mfa } = useStore(session);
  const put = useStore(aside);
  const done = useStore(anew) === now.id;
  if (put === now.id || path.startsWith('/account')) return null;
  const close = html`<${IconButton} icon="cross" label="Dismiss" onClick=${() => aside.set(now.id)} />`;
  if (now.method === 'backup-code' && !done) {
    const text = html`You signed in with a backup code; ${plural(mfa.codesLeft, 'is', 'are')} left. Is your phone gone?
      ${' '}<a href="/account/mfa">Set the app up anew</a>.`;
    return html`<${Notice} tone="warn" icon="warning" text=${text}>${close}</${Notice}>`;
  }
  if ((mfa.totp || mfa.passkeys) && mfa.codesLeft <= FEW_CODES) {
    const text = html`<a href="/account">${fewCodes(mfa.codesLeft)}</a>`;
    return html`<${Notice} tone="warn" icon="warning" text=${text}>${close}</${Notice}>`;
  }
  return null;
}
