// How one signs in: the app, backup codes, passkeys, trusted browsers.
import { html, useState } from '/vendor/preact.js';
import { api, lacksFactor, session } from '../api.js';
import { AccountHead } from '../components/account-head.js';
import { Authenticator } from '../components/authenticator.js';
import { BackupCodes } from '../components/backup-codes.js';
import { Devices } from '../components/devices.js';
import { Notice } from '../components/notice.js';
import { Remote } from '../components/panel.js';
import { Passkeys } from '../components/passkeys.js';
import { usePoll } from '../poll.js';
import { useStore } from '../store.js';

export const ENROL_FIRST = `This server asks everybody for a second factor. ${
  'Set up an authenticator app or add a passkey; everything else waits until then.'}`;

export function AccountPage({ title }) {
  const me = useStore(session);
  const poll = usePoll((signal) => api('/api/auth/mfa', { signal }), [], 0);
  const [changes, setChanges] = useState(0); // a factor that goes takes the trusted browsers along
  const changed = () => {
    poll.refresh();
    setChanges((n) => n + 1);
  };
  return html`<div>
    <${AccountHead} title=${title} />
    ${lacksFactor(me) && html`<${Notice} tone="warn" icon="shield" text=${ENROL_FIRST} />`}
    <${Remote} poll=${poll} what="your account">${(mfa) => html`<div class="pair-panels">
      <${Authenticator} mfa=${mfa} onChange=${changed} />
      <${Passkeys} onChange=${changed} />
      <${BackupCodes} mfa=${mfa} onChange=${changed} />
      <${Devices} key=${changes} days=${mfa.trustedDeviceDays} hasFactor=${mfa.totp.enabled || mfa.passkeys > 0} />
    </div>`}</${Remote}>
  </div>`;
}
