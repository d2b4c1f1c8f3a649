// The codes of a second factor: the six digits of an authenticator app, and what was kept on paper.
import { html } from '/vendor/preact.js';
import { Field } from './field.js';

export const CODE_DIGITS = 6;

// The last digit sends them; blanks that came with a paste are dropped; a phone shows its digits and offers the code that
// it knows. onCode(code) is called once for every time that the code becomes complete.
export function CodeField({ id, label = 'Code of six digits', value, onValue, onCode, ...rest }) {
  const take = (typed) => {
    const digits = typed.replace(/\D/g, '').slice(0, CODE_DIGITS);
    // What was dropped leaves the value as it was, and nothing would be drawn again.
    document.getElementById(id).value = digits;
    if (digits === value) return;
    onValue(digits);
    if (digits.length === CODE_DIGITS) onCode(digits);
  };
  return html`<div class="code-field"><${Field} id=${id} label=${label} value=${value} onValue=${take} inputmode="numeric"
    autocomplete="one-time-code" autocapitalize="off" spellcheck=${false} required ...${rest} /></div>`;
}

export const BackupCodeField = ({ label = 'Backup code', ...rest }) => html`<${Field} label=${label}
  placeholder="07-ABCDE-FGHJK" hint="One of those that you stored when you set up your app or passkey. Each is good once."
  autocomplete="off" autocapitalize="characters" spellcheck=${false} required ...${rest} />`;
