// A new password, typed twice, with its rules told before it is refused.
import { html } from '/vendor/preact.js';
import { PASSWORD_RULES } from '../people.js';
import { Field } from './field.js';

// value: {password, again}; email tells a password manager whose it is.
export function NewPassword({ email, value, onValue, errors }) {
  const set = (name) => (text) => onValue({ ...value, [name]: text });
  return html`
    <input class="sr" type="text" autocomplete="username" value=${email} readonly tabindex="-1" aria-hidden="true" />
    <${Field} id="new-password" label="New password" type="password" value=${value.password} onValue=${set('password')}
      hint=${PASSWORD_RULES} error=${errors.password} autocomplete="new-password" required />
    <${Field} id="new-password-again" label="New password, once more" type="password" value=${value.again}
      onValue=${set('again')} error=${errors.again} autocomplete="new-password" required />`;
}
