// The authenticator app of one's own account: whether it is set up, and the ways to change that.
import { html, useState } from '/vendor/preact.js';
import { api, loadSession } from '../api.js';
import { Button } from './button.js';
import { BackupCodeField, CodeField } from './code-field.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field } from './field.js';
import { Icon } from './icon.js';
import { Panel } from './panel.js';
import { Time } from './time.js';
import { toast } from './toast.js';

export function Authenticator({ mfa, onChange }) {
  const [open, setOpen] = useState(false);
  const { enabled, enabled_ms: sinceMs } = mfa.totp;
  const badge = html`<span class=${`badge ${enabled ? 'good' : 'calm'}`}>
    <${Icon} name=${enabled ? 'check' : 'ring'} />${enabled ? 'On' : 'Off'}</span>`;
  return html`<${Panel} id="authenticator" title="Authenticator app" aside=${badge}>
    ${enabled
      ? html`<p>Signing in takes your password and a code of your app, since <${Time} ms=${sinceMs} as="day" />.</p>`
      : html`<p>${mfa.passkeys ? 'Your passkey is your second factor. An app is another one, for where it is not at hand.'
          : 'Your password alone signs you in. With an app on your phone, whoever learns it is still kept out.'}</p>`}
    ${!enabled && !mfa.enabled && html`<p class="muted">An administrator has switched the setting-up off.</p>`}
    <footer class="more">
      ${(enabled || mfa.enabled) && html`<a href="/account/mfa" role="button" class=${`small ${enabled ? 'outline' : ''}`}>
        ${enabled ? 'Set it up anew' : 'Set it up'}</a>`}
      ${enabled && html`<${Button} look="danger" onClick=${() => setOpen(true)}>Turn it off</${Button}>`}
    </footer>
    ${open && html`<${TurnOff} mfa=${mfa} onClose=${() => setOpen(false)} onDone=${onChange} />`}
  </${Panel}>`;
}

// Takes the password and a factor at once, so no step-up is asked for besides.
function TurnOff({ mfa, onClose, onDone }) {
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [backup, setBackup] = useState(false);
  const [act, { busy, error }] = useAct();
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      try {
        await api('/api/auth/mfa/disable', { method: 'POST', body: { password, code } });
      } catch (cause) {
        setCode('');
        throw cause;
      }
      toast('The authenticator app is turned off.');
      await loadSession();
      onClose();
      onDone();
    });
  };
  const change = () => {
    setCode('');
    setBackup(!backup);
  };
  return html`<${Dialog} title="Turn the authenticator app off?" onClose=${onClose}>
    <form onSubmit=${submit}>
      <p>${mfa.passkeys ? 'Your passkeys stay, and go on being asked for.'
        : 'Your password alone signs you in then, and your backup codes stop working.'} Trusted browsers are forgotten.</p>
      <${Field} id="off-password" label="Your password" type="password" value=${password} onValue=${setPassword}
        autocomplete="current-password" required autofocus />
      ${backup ? html`<${BackupCodeField} key="backup" id="off-code" value=${code} onValue=${setCode} />`
        : html`<${CodeField} key="code" id="off-code" value=${code} onValue=${setCode} onCode=${() => {}} />`}
      <button type="button" class="link" onClick=${change}>${backup ? 'Use the app instead'
        : 'Use a backup code instead'}</button>
      <${ActError} error=${error} />
      <${DialogFooter} action="Turn it off" danger ready=${password && code} busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}
