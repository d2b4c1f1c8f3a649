// The authenticator app of one's own account: whether it is set up, and the ways to change that.
import { html, useState } from '/vendor/preact.js';
import { api, loadSession, session } from '../api.js';
import { askPasskey } from '../sign-in.js';
import { Button } from './button.js';
import { ActError, Dialog, DialogFooter } from './dialog.js';
import { FactorField, OtherWays, factorText, methodsOf, useFactor } from './factor.js';
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
      ? html`<p>Signing in takes your password and a code of your app${mfa.passkeys ? ', or a passkey' : ''}. Set up
          ${' '}<${Time} ms=${sinceMs} as="day" />.</p>`
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
  const prove = async (proof) => {
    await api('/api/auth/mfa/disable', { method: 'POST', body: { password, ...proof } });
    toast('The authenticator app is turned off.');
    await loadSession();
    onClose();
    onDone();
  };
  const factor = useFactor({
    methods: methodsOf(session.get().mfa), prefix: 'off', prove, askPasskey: () => askPasskey('stepup'), alone: false,
  });
  return html`<${Dialog} title="Turn the authenticator app off?" onClose=${onClose}>
    <form onSubmit=${factor.submit}>
      <p>${mfa.passkeys ? 'Your passkeys stay, and go on being asked for.'
        : 'Your password alone signs you in then, and your backup codes stop working.'} Trusted browsers are forgotten.</p>
      <input class="sr" type="text" autocomplete="username" value=${session.get().user.email} readonly tabindex="-1"
        aria-hidden="true" />
      <${Field} id="off-password" label="Your password" type="password" value=${password} onValue=${setPassword}
        autocomplete="current-password" required autofocus />
      <p>${factorText(factor)}</p>
      <${FactorField} factor=${factor} />
      <p class="gate-links"><${OtherWays} factor=${factor} /></p>
      <${ActError} error=${factor.error} />
      <${DialogFooter} action="Turn it off" danger ready=${password !== '' && factor.ready} busy=${factor.busy}
        onClose=${onClose} />
    </form>
  </${Dialog}>`;
}
