// Sign in, in two stages, then go to the page that was asked for.
import { html, useEffect, useLayoutEffect, useState } from '/vendor/preact.js';
import { ended } from '../api.js';
import { passkeysSupported } from '../passkey.js';
import { navigate, place, safeNext } from '../router.js';
import { signIn, signInPasskey } from '../sign-in.js';
import { useStore } from '../store.js';
import { ActError, useAct } from '../components/dialog.js';
import { Field } from '../components/field.js';
import { Gate } from '../components/gate.js';
import { Icon } from '../components/icon.js';
import { Notice } from '../components/notice.js';
import { SignInFactor } from '../components/sign-in-factor.js';

// known: the address of somebody who has just chosen a password, or ''. onBegin(): they are at it, once or more often.
export function LoginPage({ signedIn, known, onBegin }) {
  const { search } = useStore(place);
  const [email, setEmail] = useState(known);
  const [factor, setFactor] = useState(null);
  const [over, setOver] = useState(null);

  useEffect(() => {
    if (signedIn) navigate(safeNext(new URLSearchParams(search).get('next')), { replace: true });
  }, [signedIn, search]);

  // The second stage has a time and a number of tries; then it begins again with the password.
  const again = (error) => {
    setOver(error);
    setFactor(null);
  };
  if (factor) return html`<${SignInFactor} reply=${factor} email=${email} onOver=${again} />`;
  return html`<${ByPassword} email=${email} onEmail=${setEmail} over=${over} onFactor=${setFactor}
    onBegin=${onBegin} />`;
}

function ByPassword({ email, onEmail, over, onFactor, onBegin }) {
  const why = useStore(ended);
  const [password, setPassword] = useState('');
  const [act, { busy, error }] = useAct();
  const first = email ? 'password' : 'email';
  useLayoutEffect(() => document.getElementById(first).focus(), []);

  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      try {
        onFactor(await signIn(email.trim(), password));
      } catch (cause) {
        setPassword('');
        document.getElementById('password')?.focus();
        throw cause;
      }
    });
  };
  const byPasskey = () => {
    onBegin();
    act(signInPasskey);
  };
  return html`<${Gate} title="Sign in" onSubmit=${submit} onInput=${onBegin}>
    ${why && !error && !over && html`<${Notice} tone="calm" icon="clock" role="status" text=${why} />`}
    <${ActError} error=${error ?? over} />
    <${Field} id="email" label="E-mail" type="email" value=${email} onValue=${onEmail} autocomplete="username" required />
    <${Field} id="password" label="Password" type="password" value=${password} onValue=${setPassword}
      autocomplete="current-password" required />
    <button type="submit" disabled=${busy} aria-busy=${busy}>Sign in</button>
    ${passkeysSupported() && html`<p class="gate-or">or</p>
      <button type="button" class="outline wide" disabled=${busy} onClick=${byPasskey}><${Icon} name="key" />
        Sign in with a passkey</button>`}
    <p class="muted small-text">Forgotten? An administrator gives you a link for a new one; on the
      server, <code>muster-app user passwd</code> sets it.</p>
  </${Gate}>`;
}
