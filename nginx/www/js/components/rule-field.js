// A rule of the server as a form field, with what it is by default and the way back to that.
import { html } from '/vendor/preact.js';
import { formatCount } from '../format.js';
import { Button } from './button.js';
import { Field } from './field.js';

export const LABELS = {
  'auth.mfa.enabled': 'People may set up a second factor',
  'auth.mfa.required': 'Everybody has to have a second factor',
  'auth.mfa.issuer': 'Name in authenticator apps',
  'auth.mfa.backupCodesCount': 'Backup codes in a set',
  'auth.mfa.trustedDeviceDays': 'Days that a browser may be trusted',
  'logs.days': 'Days that agents’ events are kept',
  'logs.rows': 'Newest events of each agent that are kept',
  'audit.days': 'Days that the audit trail is kept',
  'agents.rate': 'Requests of an agent a minute',
  'agents.burst': 'Requests of an agent at once',
};

export const labelOf = (rule) => LABELS[rule.name] ?? rule.name;

// A value in words. 0 is often not a number but a stand-in.
export function valueText(rule, value) {
  if (rule.type === 'boolean') return value ? 'yes' : 'no';
  if (rule.type === 'text') return `“${value}”`;
  if (value === 0 && rule.inherited !== null) return `0 (${formatCount(rule.inherited)}, from the configuration file)`;
  return formatCount(value);
}

// value: what stands in the field; text for a number, so that an empty field can be told from 0.
export function RuleField({ rule, value, error, onValue, onReset }) {
  const id = `rule-${rule.name.replaceAll('.', '-')}`;
  const isDefault = String(value) === String(rule.default);
  const bounds = rule.type === 'integer' ? `${rule.least ? `0, or ${rule.least}` : rule.min} to ${formatCount(rule.max)}. ` : '';
  const help = rule.help === `${labelOf(rule)}.` ? '' : `${rule.help} `;
  const hint = html`${help}${bounds}Default: ${valueText(rule, rule.default)}.`;
  return html`<div class="rule">
    ${rule.type === 'boolean'
      ? html`<${Switch} id=${id} label=${labelOf(rule)} hint=${hint} error=${error} value=${value} onValue=${onValue} />`
      : html`<${Field} id=${id} label=${labelOf(rule)} hint=${hint} error=${error} value=${value} onValue=${onValue}
          type=${rule.type === 'integer' ? 'number' : 'text'} required autocomplete="off" ...${limits(rule)} />`}
    ${!isDefault && html`<${Button} look="quiet" icon="undo" onClick=${onReset}
      aria-label=${`${labelOf(rule)}: back to the default`}>Default</${Button}>`}
  </div>`;
}

const limits = (rule) => (rule.type === 'integer' ? { min: rule.min, max: rule.max, step: 1, inputmode: 'numeric' } : { maxlength: rule.max });

function Switch({ id, label, hint, error, value, onValue }) {
  return html`<div class="field switch">
    <label for=${id}><input type="checkbox" role="switch" id=${id} name=${id} checked=${value} aria-describedby=${`${id}-hint`}
      onChange=${(event) => onValue(event.target.checked)} />${label}</label>
    ${error && html`<small class="field-error">${error}</small>`}
    <small id=${`${id}-hint`} class="hint">${hint}</small>
  </div>`;
}
