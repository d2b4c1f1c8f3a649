// What one is called, one's password, and what is stored about oneself.
import { html, useState } from '/vendor/preact.js';
import { api, hasFactor, loadSession, session, stepUp } from '../api.js';
import { AccountHead } from '../components/account-head.js';
import { ActError, useAct } from '../components/dialog.js';
import { Fact, Facts } from '../components/facts.js';
import { Field, fieldErrors, useFocusOnError } from '../components/field.js';
import { NewPassword } from '../components/new-password.js';
import { Panel } from '../components/panel.js';
import { toast } from '../components/toast.js';
import { ROLES, checkPassword, saveAs } from '../people.js';
import { useStore } from '../store.js';

const EMPTY = { password: '', again: '' };

export function AccountProfilePage({ title }) {
  const { user } = useStore(session);
  return html`<div>
    <${AccountHead} title=${title} />
    <${You} key=${user.name} user=${user} />
    <${ChangePassword} email=${user.email} />
    <${Export} />
  </div>`;
}

function You({ user }) {
  const [name, setName] = useState(user.name);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const form = useFocusOnError(errors);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await api('/api/auth/account', { method: 'PATCH', body: { name: name.trim() } });
      await loadSession();
      toast(name.trim() ? `You are called ${name.trim()} now.` : 'Your name is removed.');
    });
  };
  return html`<${Panel} id="who" title="You">
    <${Facts}>
      <${Fact} label="E-mail">${user.email}</${Fact}>
      <${Fact} label="Role" wide>${ROLES[user.role].label}: ${ROLES[user.role].hint}</${Fact}>
    </${Facts}>
    <form onSubmit=${submit} class="narrow-form below" novalidate ref=${form}>
      <${Field} id="own-name" label="Your name" optional value=${name} onValue=${setName} error=${errors.name}
        hint="Stands beside your address where people are listed." autocomplete="name" maxlength="120" />
      <${ActError} error=${errors.name ? null : error} />
      <footer class="more"><button type="submit" class="small" disabled=${busy || name.trim() === user.name}
        aria-busy=${busy}>Save</button></footer>
    </form>
  </${Panel}>`;
}

function ChangePassword({ email }) {
  const [current, setCurrent] = useState('');
  const [value, setValue] = useState(EMPTY);
  const [wrong, setWrong] = useState({});
  const [act, { busy, error }] = useAct();
  const said = fieldErrors(error);
  const errors = { ...(said.password ? { password: said.password } : {}), ...wrong };
  const form = useFocusOnError(errors);
  const submit = (event) => {
    event.preventDefault();
    const found = checkPassword(value.password, value.again);
    setWrong(found);
    if (Object.keys(found).length) return;
    act(async () => {
      // Without a second factor the step-up is the present password, which stands here already.
      if (!hasFactor()) await stepUp({ action: 'POST /api/auth/password', target: '' }, { password: current });
      await api('/api/auth/password', { method: 'POST', body: { current, password: value.password } });
      setCurrent('');
      setValue(EMPTY);
      toast('Your password is changed. All other sessions are ended, and no browser is trusted any more.');
    });
  };
  return html`<${Panel} id="password" title="Change your password">
    <form onSubmit=${submit} class="narrow-form" novalidate ref=${form}>
      <${Field} id="current-password" label="Present password" type="password" value=${current} onValue=${setCurrent}
        error=${said.current} autocomplete="current-password" required />
      <${NewPassword} email=${email} value=${value} onValue=${setValue}
        errors=${errors} />
      <${ActError} error=${said.current || said.password ? null : error} />
      <p class="muted small-text">All your other sessions end, and trusted browsers are forgotten. Access tokens go on.</p>
      <footer class="more"><button type="submit" disabled=${busy || !current} aria-busy=${busy}>Change it</button></footer>
    </form>
  </${Panel}>`;
}

function Export() {
  const [act, { busy, error }] = useAct();
  const save = () => act(async () => {
    const data = await api('/api/auth/export');
    saveAs('muster-my-data.json', JSON.stringify(data, null, 2), 'application/json');
  });
  return html`<${Panel} id="export" title="What is stored about you">
    <p>Your account, sessions, trusted browsers, tokens, what you own and what the audit trail says you did, as one JSON
      file. No password and no secret is in it.</p>
    <${ActError} error=${error} />
    <footer class="more"><button type="button" class="outline small" disabled=${busy} aria-busy=${busy}
      onClick=${save}>Export my data</button></footer>
  </${Panel}>`;
}
