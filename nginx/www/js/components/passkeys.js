// The passkeys of one's own account.
import { html, useState } from '/vendor/preact.js';
import { api, loadSession, session } from '../api.js';
import { createPasskey, passkeysSupported } from '../passkey.js';
import { describeBrowser } from '../people.js';
import { usePoll } from '../poll.js';
import { CodesShown } from './backup-codes.js';
import { Button } from './button.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field, fieldErrors } from './field.js';
import { Empty } from './notice.js';
import { Panel, Remote } from './panel.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const PATH = '/api/auth/passkeys';

export function Passkeys({ onChange }) {
  const poll = usePoll((signal) => api(PATH, { signal }), [], 0);
  const [open, setOpen] = useState(null); // {what, passkey}
  const close = () => setOpen(null);
  const changed = async (said) => {
    toast(said);
    poll.refresh();
    await loadSession();
    onChange();
  };
  const passkey = open?.passkey;
  const supported = passkeysSupported();
  return html`<${Panel} id="passkeys" title="Passkeys">
    <${Remote} poll=${poll} what="your passkeys">${({ passkeys }) => (passkeys.length
      ? html`<ul class="rows">${passkeys.map((each) => html`<${Passkey} key=${each.id} passkey=${each}
          onAct=${(what) => setOpen({ what, passkey: each })} />`)}</ul>`
      : html`<${Empty} icon="key" title="No passkey yet.">The fingerprint, face or PIN of a device, or a security key: it
          signs you in without a password, and no false page can steal it.</${Empty}>`)}
    </${Remote}>
    <footer class="more">
      ${supported ? html`<${Button} icon="plus" onClick=${() => setOpen({ what: 'add' })}>Add a passkey</${Button}>`
        : html`<span class="muted">This browser makes no passkeys at this address.</span>`}
    </footer>
    ${open?.what === 'add' && html`<${Add} onAdded=${changed} onClose=${close} />`}
    ${open?.what === 'rename' && html`<${Rename} passkey=${passkey} onRenamed=${changed} onClose=${close} />`}
    ${open?.what === 'remove' && html`<${Remove} passkey=${passkey} last=${poll.data.passkeys.length === 1}
      onRemoved=${changed} onClose=${close} />`}
  </${Panel}>`;
}

function Passkey({ passkey, onAct }) {
  return html`<li>
    <div><p class="strong">${passkey.name}</p><small class="muted">added <${Time} ms=${passkey.created_ms} as="day" />
      ${' '}· used <${Time} ms=${passkey.lastUsed_ms} /></small></div>
    <div class="actions">
      <${Button} look="quiet" onClick=${() => onAct('rename')} aria-label=${`Rename ${passkey.name}`}>Rename</${Button}>
      <${Button} look="quiet" onClick=${() => onAct('remove')} aria-label=${`Remove ${passkey.name}`}>Remove</${Button}>
    </div>
  </li>`;
}

// The first factor brings backup codes with it, which are shown before the dialog closes.
function Add({ onAdded, onClose }) {
  const [name, setName] = useState(() => describeBrowser(navigator.userAgent));
  const [codes, setCodes] = useState(null);
  const [urged, setUrged] = useState(false);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      const options = await api(`${PATH}/options`, { method: 'POST', body: {} });
      const credential = await createPasskey(options);
      const reply = await api(PATH, { method: 'POST', body: { name: name.trim(), credential } });
      await onAdded(`The passkey “${reply.passkey.name}” is added.`);
      if (reply.backupCodes?.length) setCodes(reply.backupCodes);
      else onClose();
    });
  };
  if (codes) {
    return html`<${Dialog} title="Store your backup codes" onClose=${() => setUrged(true)}>
      <p>The day the passkey is gone, one of these gets you in.</p>
      <${CodesShown} codes=${codes} urged=${urged} onStored=${onClose} />
    </${Dialog}>`;
  }
  return html`<${Dialog} title="Add a passkey" onClose=${onClose}>
    <form onSubmit=${submit}>
      <p>The browser asks next where to keep it: on this device, on your phone, or on a security key.</p>
      <${Field} id="passkey-name" label="What you call it" value=${name} onValue=${setName} error=${errors.name} required
        maxlength="64" autocomplete="off" autofocus />
      <${ActError} error=${errors.name ? null : error} />
      <${DialogFooter} action="Add it" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

function Rename({ passkey, onRenamed, onClose }) {
  const [name, setName] = useState(passkey.name);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await api(`${PATH}/${passkey.id}`, { method: 'PATCH', body: { name: name.trim() } });
      await onRenamed('The passkey is renamed.');
      onClose();
    });
  };
  return html`<${Dialog} title="Rename the passkey" onClose=${onClose}>
    <form onSubmit=${submit}>
      <${Field} id="passkey-rename" label="What you call it" value=${name} onValue=${setName} error=${errors.name} required
        maxlength="64" autocomplete="off" autofocus />
      <${ActError} error=${errors.name ? null : error} />
      <${DialogFooter} action="Rename" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

// What would leave the password alone to sign in with takes that password, too.
function Remove({ passkey, last, onRemoved, onClose }) {
  const bare = last && !session.get().mfa.totp;
  const [password, setPassword] = useState('');
  const [act, { busy, error }] = useAct();
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await api(`${PATH}/${passkey.id}`, { method: 'DELETE', body: bare ? { password } : undefined });
      await onRemoved(`The passkey “${passkey.name}” is removed.`);
      onClose();
    });
  };
  return html`<${Dialog} title=${`Remove the passkey “${passkey.name}”?`} onClose=${onClose}>
    <form onSubmit=${submit}>
      <p>It signs nobody in here any more. The device keeps its part, which you can delete there.
        ${bare && ' It is your last second factor: your password alone signs you in then.'}</p>
      ${bare && html`<${Field} id="remove-password" label="Your password" type="password" value=${password}
        onValue=${setPassword} autocomplete="current-password" required autofocus />`}
      <${ActError} error=${error} />
      <${DialogFooter} action="Remove" danger busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}
