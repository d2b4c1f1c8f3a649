// Where the link of an invitation leads, or one that sets a password anew. The secret stands behind the # of the address,
// which browsers send to nobody.
import { html, useEffect, useLayoutEffect, useState } from '/vendor/preact.js';
import { api, session } from '../api.js';
import { ActError, useAct } from '../components/dialog.js';
import { Field, fieldErrors, useFocusOnError } from '../components/field.js';
import { Gate } from '../components/gate.js';
import { NewPassword } from '../components/new-password.js';
import { LoadError, Loading, Notice } from '../components/notice.js';
import { toast } from '../components/toast.js';
import { ROLES, checkPassword } from '../people.js';
import { usePoll } from '../poll.js';
import { navigate } from '../router.js';
import { signOut } from '../sign-in.js';

const read = () => location.hash.slice(1);

// onAccepted(email): whom the sign-in page that follows is for.
export function InvitationPage({ onAccepted }) {
  const [token, setToken] = useState(read);
  useEffect(() => {
    const change = () => setToken(read());
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  if (token) return html`<${WithToken} key=${token} token=${token} onAccepted=${onAccepted} />`;
  return html`<${Gate} title="Invitation">
    <p>The address is not whole: the part behind the # is missing. Copy all of the link that you were given.</p>
    <p class="muted small-text">Have you accepted it before? <a href="/login">Sign in</a>.</p>
  </${Gate}>`;
}

function WithToken({ token, onAccepted }) {
  const poll = usePoll((signal) => api('/api/invitations/look', { method: 'POST', body: { token }, signal }), [token], 0);
  if (!poll.data) {
    return html`<${Gate} title="Invitation">
      ${poll.error ? html`<${LoadError} error=${poll.error} onRetry=${poll.error.status === 404 ? null : poll.refresh} />
        <p class="muted small-text">Have you accepted it before? <a href="/login">Sign in</a>.</p>`
      : html`<${Loading} what="the invitation" />`}
    </${Gate}>`;
  }
  return html`<${Accept} token=${token} invitation=${poll.data} onAccepted=${onAccepted} />`;
}

function Accept({ token, invitation: { kind, email, role }, onAccepted }) {
  const isNew = kind === 'account';
  const [name, setName] = useState('');
  const [value, setValue] = useState({ password: '', again: '' });
  const [wrong, setWrong] = useState({});
  const [act, { busy, error }] = useAct();
  const errors = { ...fieldErrors(error), ...wrong };
  const form = useFocusOnError(errors);
  useLayoutEffect(() => document.getElementById(isNew ? 'invitation-name' : 'new-password').focus(), []);
  const submit = (event) => {
    event.preventDefault();
    const found = checkPassword(value.password, value.again);
    if (isNew && !name.trim()) found.name = 'Give your name.';
    setWrong(found);
    if (Object.keys(found).length) return;
    act(async () => {
      await api('/api/invitations/accept', {
        method: 'POST', body: { token, password: value.password, ...(isNew ? { name: name.trim() } : {}) },
      });
      if (session.get()) await signOut(); // of whoever sat here
      toast(isNew ? 'Your account is ready. Sign in with the password that you have just chosen.'
        : 'Your password is set. Sign in with it.');
      onAccepted(email);
      navigate('/login', { replace: true });
    });
  };
  const placed = ['name', 'password'].some((field) => errors[field]);
  return html`<${Gate} title=${isNew ? 'Welcome to Muster' : 'Choose a new password'} onSubmit=${submit} wide
    novalidate form=${form}>
    ${session.get() && html`<${Notice} tone="warn" icon="warning"
      text=${`You are signed in as ${session.get().user.email}. This link is for ${email}.`} />`}
    <p>${isNew ? html`An account for <strong>${email}</strong> waits for you. Your role is
      ${' '}${ROLES[role].label.toLowerCase()}, who ${ROLES[role].hint}.` : html`For the account of <strong>${email}</strong>.`}</p>
    ${isNew && html`<${Field} id="invitation-name" label="Your name" value=${name} onValue=${setName} error=${errors.name}
      autocomplete="name" maxlength="120" required />`}
    <${NewPassword} email=${email} value=${value} onValue=${setValue} errors=${errors} />
    <${ActError} error=${placed ? null : error} />
    <button type="submit" disabled=${busy} aria-busy=${busy}>${isNew ? 'Make my account' : 'Set the password'}</button>
  </${Gate}>`;
}
