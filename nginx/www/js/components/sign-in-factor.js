// The second stage of a sign-in: a code of the app, a passkey, or a backup code.
import { html, useState } from '/vendor/preact.js';
import { askPasskey, signInFactor } from '../sign-in.js';
import { ActError } from './dialog.js';
import { FactorField, OtherWays, factorText, useFactor } from './factor.js';
import { Gate } from './gate.js';

// reply: of the first stage. onOver(error): this sign-in is dead, and has to begin again.
export function SignInFactor({ reply: { methods, trustedDeviceDays: days = 30 }, email, onOver }) {
  const [trust, setTrust] = useState(false);
  const prove = async (proof) => {
    try {
      await signInFactor(proof, trust);
    } catch (cause) {
      if (cause.status === 401) return onOver(cause);
      throw cause;
    }
  };
  const factor = useFactor({ methods, prefix: 'sign-in', prove, askPasskey: () => askPasskey('factor') });
  const { way, id, submit, busy, ready, error } = factor;
  return html`<${Gate} title="Show that it is you" onSubmit=${submit}>
    <p>${factorText(factor)} <span class="muted">You are signing in as ${email}.</span></p>
    <${ActError} error=${error} />
    <${FactorField} factor=${factor} />
    ${days > 0 && html`<label class="check"><input type="checkbox" checked=${trust}
      onChange=${(event) => setTrust(event.target.checked)} />Trust this browser for ${days} days: your password is enough
      here</label>`}
    <button type="submit" id=${way === 'passkey' ? id : undefined} disabled=${busy || !ready} aria-busy=${busy}>
      ${way === 'passkey' ? 'Use my passkey' : 'Continue'}</button>
    <p class="gate-links"><${OtherWays} factor=${factor} />
      <button type="button" class="link" onClick=${() => onOver(null)}>Sign in as somebody else</button></p>
    <p class="muted small-text">Neither at hand, nor a backup code? An administrator resets your second factor; on the
      server, <code>muster-app user reset-mfa</code> does.</p>
  </${Gate}>`;
}
