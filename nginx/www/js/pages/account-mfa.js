// Sets up the authenticator app, step by step: the QR code, a first code, the backup codes. What was set up before stays
// in force until the new one has shown a code.
import { html, useLayoutEffect, useRef, useState } from '/vendor/preact.js';
import { api, lacksFactor, loadSession, session } from '../api.js';
import { CodesShown } from '../components/backup-codes.js';
import { CodeField } from '../components/code-field.js';
import { CopyBlock } from '../components/copy.js';
import { ActError, useAct } from '../components/dialog.js';
import { Notice } from '../components/notice.js';
import { appSetUp } from '../components/sign-in-notices.js';
import { Crumbs, PageHead } from '../components/title.js';
import { toast } from '../components/toast.js';
import { navigate, safeNext, useQuery } from '../router.js';
import { ENROL_FIRST } from './account.js';

const STEPS = ['Get an app', 'Scan the code', 'Store the backup codes'];

export function AccountMfaPage({ title }) {
  const [query] = useQuery();
  const [setup, setSetup] = useState(null);
  const [codes, setCodes] = useState(null);
  const [forced] = useState(() => lacksFactor(session.get()));
  const [again] = useState(() => session.get().mfa.totp);
  const step = codes ? 2 : setup ? 1 : 0;
  // Everything that was loaded before may have been refused, so it is not gone back to but loaded.
  const leave = async () => {
    await loadSession();
    navigate(query.next ? safeNext(query.next) : '/account', { replace: true });
  };
  const onEnabled = async (made) => {
    toast('The authenticator app is set up.');
    appSetUp();
    if (made.length) setCodes(made);
    else await leave();
  };
  return html`<div>
    <${Crumbs} href="/account" label="My account" here=${title} />
    <${PageHead} title=${title} />
    ${forced && step === 0 && html`<${Notice} tone="warn" icon="shield" text=${ENROL_FIRST} />`}
    <ol class="steps" aria-label="Steps">${STEPS.map((name, n) => html`<li key=${name} class=${n < step ? 'past' : ''}
      aria-current=${n === step ? 'step' : undefined}><span class="sr">${n < step ? 'Done: ' : ''}</span>${name}</li>`)}</ol>
    <section class="panel wizard" aria-label=${STEPS[step]}>
      ${step === 0 && html`<${Begin} again=${again} onSetup=${setSetup} />`}
      ${step === 1 && html`<${Scan} setup=${setup} onEnabled=${onEnabled} />`}
      ${step === 2 && html`<${Store} codes=${codes} onStored=${leave} />`}
    </section>
  </div>`;
}

// Where the keyboard and a screen reader go on when the step changes.
function StepHeading({ children }) {
  const heading = useRef();
  useLayoutEffect(() => heading.current.focus({ preventScroll: true }), []);
  return html`<h2 tabindex="-1" ref=${heading}>${children}</h2>`;
}

function Begin({ again, onSetup }) {
  const [act, { busy, error }] = useAct();
  const begin = () => act(async () => onSetup(await api('/api/auth/mfa/setup', { method: 'POST', body: {} })));
  return html`
    <h2>${again ? 'A new phone, or a new app?' : 'You need an app on your phone'}</h2>
    ${again
      ? html`<p>The app that you have goes on working until the new one has shown a code. To begin you need a code of the
          old one, or a backup code if it is gone.</p>`
      : html`<p>Any authenticator app will do: Aegis, FreeOTP, Google Authenticator, Microsoft Authenticator, 1Password,
          Bitwarden… Install one, then go on. It shows a new code of six digits every half minute, and that code is asked
          for after your password.</p>`}
    <${ActError} error=${error} />
    <footer class="more">
      <button type="button" disabled=${busy} aria-busy=${busy} onClick=${begin}>${again ? 'Go on' : 'I have one'}</button>
      ${!again && html`<a href="/account">I would rather use a passkey</a>`}
    </footer>`;
}

const asImage = (svg) => `data:image/svg+xml;base64,${btoa(svg)}`;

function Scan({ setup, onEnabled }) {
  const [code, setCode] = useState('');
  const [act, { busy, error }] = useAct();
  const verify = (six) => act(async () => {
    try {
      await api('/api/auth/mfa/verify', { method: 'POST', body: { code: six } });
      const { backupCodes } = await api('/api/auth/mfa/enable', { method: 'POST', body: {} });
      await onEnabled(backupCodes ?? []);
    } catch (cause) {
      setCode('');
      document.getElementById('setup-code')?.focus();
      throw cause;
    }
  });
  const submit = (event) => {
    event.preventDefault();
    verify(code);
  };
  return html`
    <${StepHeading}>Scan this with the app</${StepHeading}>
    <div class="scan">
      <img src=${asImage(setup.qr)} width="220" height="220" class="qr"
        alt="QR code that holds the secret, which also stands beside it as text" />
      <div>
        <p>In the app choose “add” and point the camera here. On this very phone?
          ${' '}<a href=${setup.uri}>Open it in the app</a>.</p>
        <${CopyBlock} id="totp-secret" label="Or type this secret into the app" text=${setup.secret}
          copied=${setup.secret.replaceAll(' ', '')} />
      </div>
    </div>
    <form onSubmit=${submit}>
      <${CodeField} id="setup-code" label="The code that the app shows now" value=${code} onValue=${setCode}
        onCode=${verify} />
      <${ActError} error=${error} />
      <footer class="more"><button type="submit" disabled=${busy || !code} aria-busy=${busy}>Check the code</button></footer>
    </form>`;
}

const Store = ({ codes, onStored }) => html`
  <${StepHeading}>Store your backup codes</${StepHeading}>
  <p>The day your phone is gone, one of these gets you in, and you set the app up anew.</p>
  <${CodesShown} codes=${codes} onStored=${onStored} />`;
