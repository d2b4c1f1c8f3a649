// The dialog that asks a person to show once more that it is them, before one act. It may stand over another dialog,
// which keeps what was typed into it.
import { html, useEffect, useRef, useState } from '/vendor/preact.js';
import { describeAct } from '../acts.js';
import { ApiError, loadSession, session, stepUp } from '../api.js';
import { place } from '../router.js';
import { askPasskey } from '../sign-in.js';
import { asked, dropStepUps } from '../stepup.js';
import { useStore } from '../store.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { FactorField, OtherWays, factorText, methodsOf, useFactor } from './factor.js';
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
    ${ask.proof === 'password' ? html`<${ByPassword} ask=${ask} />` : html`<${ByFactor} ask=${ask} />`}
  </${Dialog}>`;
}

function ByPassword({ ask }) {
  const [password, setPassword] = useState('');
  const [act, { busy, error }] = useAct();
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      try {
        await stepUp(ask, { password });
      } catch (cause) {
        setPassword('');
        document.getElementById('step-up-password')?.focus();
        throw cause;
      }
      ask.done();
    });
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

function ByFactor({ ask }) {
  const prove = async (proof) => {
    await stepUp(ask, proof);
    ask.done();
    if (way === 'backup-code') loadSession().catch(() => {}); // how many codes are left
  };
  const factor = useFactor({
    methods: methodsOf(session.get().mfa), prefix: 'step-up', prove, askPasskey: () => askPasskey('stepup'),
  });
  const { way, submit, busy, ready, error } = factor;
  return html`<form onSubmit=${submit}>
    <p>${factorText(factor)}</p>
    <${FactorField} factor=${factor} />
    <${ActError} error=${error} />
    <p class="gate-links"><${OtherWays} factor=${factor} /></p>
    <${DialogFooter} action=${way === 'passkey' ? 'Use my passkey' : 'Confirm'} ready=${ready} busy=${busy}
      onClose=${() => ask.done(cancelled())} />
  </form>`;
}
