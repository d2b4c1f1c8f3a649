// The dialog that asks a person to show once more that it is them, before one act. It may stand over another dialog,
// which keeps what was typed into it.
import { html, useEffect, useRef, useState } from '/vendor/preact.js';
import { describeAct } from '../acts.js';
import { ApiError, session, stepUp } from '../api.js';
import { place } from '../router.js';
import { asked, dropStepUps } from '../stepup.js';
import { useStore } from '../store.js';
import { CodeField } from './code-field.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field } from './field.js';

const cancelled = () => new ApiError('Nothing was done: you did not confirm that it is you.', { slug: 'step-up-cancelled' });

export function StepUps() {
  const ask = useStore(asked);
  const { path } = useStore(place);
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current !== path) dropStepUps(cancelled());
    shown.current = path;
  }, [path]);
  return ask && html`<${StepUp} key=${ask} ask=${ask} />`;
}

// Its title is read out when it opens, so it opens once it can say what it is about.
function StepUp({ ask }) {
  const [act, setAct] = useState(null);
  useEffect(() => {
    const life = new AbortController();
    describeAct(ask, life.signal).then((words) => life.signal.aborted || setAct(words));
    return () => life.abort();
  }, [ask]);
  if (!act) return null;
  const title = html`${act.words}${act.name && html` <span class="typed">${act.name}</span>`}`;
  return html`<${Dialog} title=${title} onClose=${() => ask.done(cancelled())}>
    ${ask.proof === 'password' ? html`<${ByPassword} ask=${ask} />` : html`<${ByCode} ask=${ask} />`}
  </${Dialog}>`;
}

// What a form of this dialog does with a proof: it is wrong, and can be typed again, or the request goes on.
function useProof(ask, id, setValue) {
  const [act, { busy, error }] = useAct();
  const prove = (proof) => act(async () => {
    try {
      await stepUp(ask, proof);
    } catch (cause) {
      setValue('');
      document.getElementById(id)?.focus();
      throw cause;
    }
    ask.done();
  });
  return [prove, busy, error];
}

function ByPassword({ ask }) {
  const [password, setPassword] = useState('');
  const [prove, busy, error] = useProof(ask, 'step-up-password', setPassword);
  const submit = (event) => {
    event.preventDefault();
    prove({ password });
  };
  return html`<form onSubmit=${submit}>
    <p>Type your password once more, so that nobody else does this while you are away.</p>
    <input class="sr" type="text" autocomplete="username" value=${session.get()?.user?.email} readonly tabindex="-1"
      aria-hidden="true" />
    <${Field} id="step-up-password" label="Your password" type="password" value=${password} onValue=${setPassword}
      autocomplete="current-password" required autofocus />
    <${ActError} error=${error} />
    <${DialogFooter} action="Confirm" ready=${password !== ''} busy=${busy} onClose=${() => ask.done(cancelled())} />
  </form>`;
}

function ByCode({ ask }) {
  const [code, setCode] = useState('');
  const [backup, setBackup] = useState(false);
  const id = backup ? 'step-up-backup' : 'step-up-code';
  const [prove, busy, error] = useProof(ask, id, setCode);
  const submit = (event) => {
    event.preventDefault();
    prove({ code });
  };
  const other = () => {
    setCode('');
    setBackup(!backup);
  };
  return html`<form onSubmit=${submit}>
    <p>${backup ? 'Each of your backup codes is good once.'
      : 'Open your authenticator app and type the code that it shows for Muster.'}</p>
    ${backup
      ? html`<${Field} key="backup" id=${id} label="Backup code" placeholder="01-ABCDE-FGHIJ" value=${code}
          onValue=${setCode} autocomplete="off" spellcheck=${false} required autofocus />`
      : html`<${CodeField} key="code" id=${id} value=${code} onValue=${setCode} onCode=${(six) => prove({ code: six })}
          autofocus />`}
    <${ActError} error=${error} />
    <p class="more"><button type="button" class="link" onClick=${other}>${backup ? 'Use the app instead'
      : 'Use a backup code instead'}</button></p>
    <${DialogFooter} action="Confirm" ready=${code !== ''} busy=${busy} onClose=${() => ask.done(cancelled())} />
  </form>`;
}
