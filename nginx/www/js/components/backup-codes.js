// Backup codes: how many are left, a new set, and the one time that a set is shown.
import { html, useState } from '/vendor/preact.js';
import { api, loadSession, session } from '../api.js';
import { plural } from '../format.js';
import { saveAs } from '../people.js';
import { Button } from './button.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Notice } from './notice.js';
import { Panel } from './panel.js';
import { FEW_CODES, fewCodes } from './sign-in-notices.js';

export function BackupCodes({ mfa, onChange }) {
  const [open, setOpen] = useState(false);
  if (!mfa.totp.enabled && !mfa.passkeys) return null;
  const few = mfa.codesLeft <= FEW_CODES;
  const close = () => {
    setOpen(false);
    onChange();
  };
  return html`<${Panel} id="backup-codes" title="Backup codes"
    aside=${html`<span class=${`badge ${few ? 'warn' : 'good'}`}>${mfa.codesLeft} of ${mfa.codesTotal} left</span>`}>
    ${few && html`<${Notice} tone="warn" icon="warning" text=${fewCodes(mfa.codesLeft)} />`}
    <p>Each stands in once for the app or the passkey, should you lose it. Keep them where your phone is not.</p>
    <footer class="more">
      <${Button} look=${few ? 'main' : 'plain'} onClick=${() => setOpen(true)}>Make new codes</${Button}>
    </footer>
    ${open && html`<${Renew} left=${mfa.codesLeft} onClose=${close} />`}
  </${Panel}>`;
}

function Renew({ left, onClose }) {
  const [codes, setCodes] = useState(null);
  const [urged, setUrged] = useState(false);
  const [act, { busy, error }] = useAct();
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      setCodes((await api('/api/auth/mfa/backup-codes', { method: 'POST' })).backupCodes);
      await loadSession();
    });
  };
  if (codes) {
    return html`<${Dialog} title="Your new backup codes" onClose=${() => setUrged(true)}>
      <${CodesShown} codes=${codes} urged=${urged} onStored=${onClose} />
    </${Dialog}>`;
  }
  return html`<${Dialog} title="Make new backup codes?" onClose=${onClose}>
    <form onSubmit=${submit}>
      <p>${left ? `The ${plural(left, 'code')} that you have left stop working at once.` : 'All of the old ones are used.'}
        ${' '}The new ones are shown this once.</p>
      <${ActError} error=${error} />
      <${DialogFooter} action="Make new codes" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

const asFile = (codes) => [
  `Backup codes of Muster (${location.host}) for ${session.get()?.user.email}`,
  `Made ${new Date().toISOString().slice(0, 10)}. Each is good once.`, '', ...codes, '',
].join('\n');

// urged: they were about to leave without having stored them.
export function CodesShown({ codes, urged, onStored }) {
  const [stored, setStored] = useState(false);
  const [said, setSaid] = useState('');
  const copy = () => navigator.clipboard.writeText(codes.join('\n')).then(() => setSaid('Copied.'),
    () => setSaid('The browser does not let this page copy; download or print them.'));
  const submit = (event) => {
    event.preventDefault();
    onStored();
  };
  return html`<form onSubmit=${submit} class="codes-shown">
    <p>This is the only time that they are shown. Each is good once, in place of your app or passkey.</p>
    <ul class="codes" aria-label="Backup codes">${codes.map((code) => html`<li key=${code}><code>${code}</code></li>`)}</ul>
    <div class="actions">
      <${Button} icon="copy" onClick=${copy}>Copy</${Button}>
      <${Button} icon="download" onClick=${() => saveAs('muster-backup-codes.txt', asFile(codes))}>Download</${Button}>
      <${Button} icon="rows" onClick=${() => print()}>Print</${Button}>
      <span role="status" class="muted">${said}</span>
    </div>
    <div role="alert">${urged && !stored && html`<${Notice} tone="warn" icon="warning"
      text="Store them first: they are not shown again. Then tick the box." />`}</div>
    <label class="check"><input type="checkbox" checked=${stored} onChange=${(event) => setStored(event.target.checked)} />
      I have stored them where I find them without my phone</label>
    <footer><button type="submit" disabled=${!stored}>Done</button></footer>
  </form>`;
}
