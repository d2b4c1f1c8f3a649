// Sign in, then go to the page that was asked for.
import { html, useEffect, useState } from '/vendor/preact.js';
import { expired, signIn } from '../api.js';
import { navigate, place, safeNext } from '../router.js';
import { useStore } from '../store.js';
import { ActError, useAct } from '../components/dialog.js';
import { Field } from '../components/field.js';
import { Logo } from '../components/layout.js';
import { Notice } from '../components/notice.js';
import { useTitle } from '../components/title.js';

const ENDED = 'Your session has ended. Sign in to go on where you were.';

export function LoginPage({ signedIn }) {
  const { search } = useStore(place);
  const wasExpired = useStore(expired);
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [act, { busy, error }] = useAct();
  useTitle('Sign in');

  useEffect(() => {
    if (signedIn) navigate(safeNext(new URLSearchParams(search).get('next')), { replace: true });
  }, [signedIn, search]);

  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      try {
        await signIn(email.trim(), password);
      } catch (cause) {
        setPassword('');
        document.getElementById('password')?.focus();
        throw cause;
      }
    });
  };
  return html`<main class="login">
    <form onSubmit=${submit} class="panel" aria-labelledby="login-title">
      <p class="brand"><${Logo} />Muster</p>
      <h1 id="login-title">Sign in</h1>
      ${wasExpired && !error && html`<${Notice} tone="calm" icon="clock" role="status" text=${ENDED} />`}
      <${ActError} error=${error} />
      <${Field} id="email" label="E-mail" type="email" value=${email} onValue=${setEmail}
        autocomplete="username" required autofocus />
      <${Field} id="password" label="Password" type="password" value=${password} onValue=${setPassword}
        autocomplete="current-password" required />
      <button type="submit" disabled=${busy} aria-busy=${busy}>Sign in</button>
      <p class="muted small-text">Forgotten? On the server, <code>muster-app user passwd</code> sets a new password.</p>
    </form>
  </main>`;
}
