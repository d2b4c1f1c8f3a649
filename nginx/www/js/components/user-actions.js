// What an admin does to somebody's account. What the person would lose is said first; deleting needs the address typed.
import { html, useState } from '/vendor/preact.js';
import { api, session } from '../api.js';
import { plural } from '../format.js';
import { ROLES, describeFactors, saveAs } from '../people.js';
import { Button } from './button.js';
import { ActError, Confirm, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field, fieldErrors } from './field.js';
import { LinkShown } from './invite.js';
import { toast } from './toast.js';

const at = (user) => `/api/users/${encodeURIComponent(user.id)}`;

export function UserActions({ user, onChange }) {
  const [open, setOpen] = useState('');
  const close = () => setOpen('');
  const myself = session.get()?.user.id === user.id;
  const done = (work, said) => async () => {
    await work();
    toast(said);
    onChange();
  };
  const patch = (body) => () => api(at(user), { method: 'PATCH', body });
  const post = (verb) => () => api(`${at(user)}/${verb}`, { method: 'POST' });
  const dialogs = {
    change: html`<${Change} user=${user} myself=${myself} onChange=${onChange} onClose=${close} />`,
    link: html`<${PasswordLink} user=${user} onClose=${close} />`,
    disable: html`<${Confirm} title=${`Disable ${user.email}?`} action="Disable" danger onClose=${close}
      onConfirm=${done(patch({ disabled: true }), `${user.email} is disabled.`)}>
      <p>They are signed out everywhere, and every sign-in and token of theirs is refused. Their agents and backups go
        on. You can enable them again.</p></${Confirm}>`,
    enable: html`<${Confirm} title=${`Enable ${user.email}?`} action="Enable" onClose=${close}
      onConfirm=${done(patch({ disabled: false }), `${user.email} is enabled.`)}>
      <p>They can sign in again with the password and the second factor that they had.</p></${Confirm}>`,
    reset: html`<${Confirm} title=${`Reset the second factor of ${user.email}?`} action="Reset" danger onClose=${close}
      onConfirm=${done(post('reset-mfa'), `The second factor of ${user.email} is reset.`)}>
      <p>Their second factor (${describeFactors(user.mfa) || 'none'}), backup codes and trusted browsers are forgotten and
        their sessions end: until they set one up anew, their password alone signs them in. Make sure that it is they who
        ask. They are told that it was you.</p></${Confirm}>`,
    restore: html`<${Confirm} title=${`Bring back ${user.email}?`} action="Bring back" onClose=${close}
      onConfirm=${done(post('restore'), `${user.email} is back.`)}>
      <p>They can sign in again, and those of their agents work again that did before. Sessions and tokens do not come
        back.</p></${Confirm}>`,
    delete: html`<${Confirm} title=${`Delete ${user.email}?`} action="Delete" danger typed=${user.email} onClose=${close}
      onConfirm=${done(() => api(at(user), { method: 'DELETE' }), `${user.email} is deleted.`)}>
      <p>They are signed out everywhere. ${plural(user.agents, 'agent')} and ${plural(user.configs, 'backup')} of theirs
        stop at once. You can bring all of it back until the grace is over; then <strong>what they have stored is
        purged</strong>, and the audit trail no longer names them.</p></${Confirm}>`,
  };
  const button = (dialog, label, look = 'quiet') => html`
    <${Button} look=${look} onClick=${() => setOpen(dialog)}>${label}</${Button}>`;
  if (user.state === 'deleted') {
    return html`<div class="actions">${button('restore', 'Bring back', 'plain')}${dialogs[open]}</div>`;
  }
  return html`<div class="actions">
    ${button('change', 'Change')}
    ${!myself && button('link', 'New password')}
    ${!myself && describeFactors(user.mfa) && button('reset', 'Reset second factor')}
    <${ExportButton} user=${user} />
    ${!myself && (user.disabled ? button('enable', 'Enable', 'plain') : button('disable', 'Disable'))}
    ${!myself && button('delete', 'Delete', 'danger')}
    ${dialogs[open]}
  </div>`;
}

function ExportButton({ user }) {
  const save = async () => {
    try {
      const data = await api(`${at(user)}/export`);
      saveAs(`muster-${user.email}.json`, JSON.stringify(data, null, 2), 'application/json');
    } catch (error) {
      toast(error.message, 'bad');
    }
  };
  return html`<${Button} look="quiet" onClick=${save}>Export</${Button}>`;
}

function Change({ user, myself, onChange, onClose }) {
  const [name, setName] = useState(user.name);
  const [role, setRole] = useState(user.role);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await api(at(user), { method: 'PATCH', body: { name: name.trim(), ...(myself ? {} : { role }) } });
      toast(`${user.email} is changed.`);
      onClose();
      onChange();
    });
  };
  return html`<${Dialog} title=${`Change ${user.email}`} onClose=${onClose}>
    <form onSubmit=${submit}>
      <${Field} id="user-name" label="Name" optional value=${name} onValue=${setName} error=${errors.name} maxlength="120"
        autocomplete="off" autofocus />
      <${Field} id="user-role" type="select" label="Role" value=${role} onValue=${setRole} error=${errors.role}
        disabled=${myself} hint=${myself ? 'Nobody changes their own role.' : ROLES[role].hint}>
        ${Object.entries(ROLES).map(([value, { label }]) => html`
          <option value=${value} selected=${value === role}>${label}</option>`)}
      </${Field}>
      <${ActError} error=${Object.keys(errors).length ? null : error} />
      <${DialogFooter} action="Change" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

function PasswordLink({ user, onClose }) {
  const [made, setMade] = useState(null);
  const [act, { busy, error }] = useAct();
  const submit = (event) => {
    event.preventDefault();
    act(async () => setMade(await api(`${at(user)}/password-link`, { method: 'POST' })));
  };
  if (made) {
    return html`<${Dialog} title=${`A link for ${user.email}`} onClose=${onClose} wide>
      <${LinkShown} link=${made.link} expiresMs=${made.expires_ms}
        text="Give them this link. It is shown only now; whoever has it can set their password." />
      <footer class="more"><button type="button" onClick=${onClose}>Done</button></footer>
    </${Dialog}>`;
  }
  return html`<${Dialog} title=${`A new password for ${user.email}?`} onClose=${onClose}>
    <form onSubmit=${submit}>
      <p>Makes a link with which they choose one. The present password works until then, and their second factor stays.</p>
      <${ActError} error=${error} />
      <${DialogFooter} action="Make the link" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}
