// Invites a person: an account waits behind a link that is shown this once and works for a day.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { ROLES } from '../people.js';
import { CopyBlock } from './copy.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field, fieldErrors } from './field.js';
import { Notice } from './notice.js';
import { Time } from './time.js';

export function Invite({ onMade, onClose }) {
  const [email, setEmail] = useState('');
  const [role, setRole] = useState('viewer');
  const [made, setMade] = useState(null);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      setMade(await api('/api/invitations', { method: 'POST', body: { email: email.trim(), role } }));
      onMade();
    });
  };
  if (made) {
    return html`<${Dialog} title=${`${made.invitation.email} is invited`} onClose=${onClose} wide>
      <${LinkShown} link=${made.link} expiresMs=${made.invitation.expires_ms}
        text="Give them this link. It is shown only now; whoever has it can take the account." />
      <footer class="more"><button type="button" onClick=${onClose}>Done</button></footer>
    </${Dialog}>`;
  }
  return html`<${Dialog} title="Invite a person" onClose=${onClose}>
    <form onSubmit=${submit}>
      <${Field} id="invite-email" label="E-mail" type="email" value=${email} onValue=${setEmail} error=${errors.email}
        autocomplete="off" required autofocus />
      <fieldset class="roles">
        <legend>Role</legend>
        ${Object.entries(ROLES).map(([name, { label, hint }]) => html`<label key=${name} class="check">
          <input type="radio" name="invite-role" value=${name} checked=${name === role} onChange=${() => setRole(name)} />
          <span>${label} <small class="muted">${hint}</small></span></label>`)}
      </fieldset>
      <${ActError} error=${errors.email ? null : error} />
      <${DialogFooter} action="Make the link" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

export const LinkShown = ({ link, expiresMs, text }) => html`
  <${Notice} tone="warn" icon="warning" text=${text} />
  <${CopyBlock} id="invitation-link" label="Link" text=${link} />
  <p class="muted">It works once, and expires <${Time} ms=${expiresMs} />.</p>`;
