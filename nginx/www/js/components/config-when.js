// When a backup runs, how long it is kept, and when somebody hears that it does not work.
import { html } from '/vendor/preact.js';
import { SLOTS, WEEKDAY_CHOICES, ZONE } from '../backup.js';
import { Tick, select } from './config-what.js';
import { Field } from './field.js';

const WHEN = [
  ['daily', 'Every day'], ['hours', 'Every few hours'], ['weekly', 'Every week'], ['cron', 'A cron expression'],
  ['manual', 'Only by hand'],
];

// The zones that this browser knows; the host’s tables may know more, so any name may be typed.
const ZONES = Intl.supportedValuesOf?.('timeZone') ?? [];

export function WhenFields({ form, set, field, errors }) {
  const zoned = ['daily', 'weekly', 'cron'].includes(form.when) || form.windowed;
  return html`<fieldset>
    <legend>When</legend>
    <div class="field-row">
      <${Field} id="config-when" type="select" label="Runs" value=${form.when} onValue=${set('when')}>
        ${select(form.when, WHEN)}
      </${Field}>
      ${['daily', 'weekly'].includes(form.when) && field('at', 'At', { type: 'time' })}
      ${form.when === 'weekly' && html`<${Field} id="config-day" type="select" label="On" value=${form.day}
        onValue=${set('day')}>${select(form.day, WEEKDAY_CHOICES)}</${Field}>`}
      ${form.when === 'hours' && field('everyHours', 'Hours between', { type: 'number', min: 1, max: 720 })}
      ${form.when === 'cron' && field('cron', 'Expression', {
        spellcheck: false, placeholder: '30 1 * * mon-fri', hint: 'Minute, hour, day of the month, month, weekday.',
      })}
      ${zoned && html`<${Field} id="config-timeZone" label="Time zone" value=${form.timeZone} onValue=${set('timeZone')}
        error=${errors.timeZone} list="zones" spellcheck=${false}
        hint=${form.timeZone === ZONE ? 'Yours.' : undefined} />
        <datalist id="zones">${ZONES.map((zone) => html`<option value=${zone} key=${zone}></option>`)}</datalist>`}
    </div>
    <${Tick} id="config-windowed" label="Begin only within certain hours" checked=${form.windowed}
      onValue=${set('windowed')} hint="A run that is due outside waits for them; one that was missed is caught up once." />
    ${form.windowed && html`<div class="field-row">
      ${field('from', 'From', { type: 'time' })}${field('to', 'Until', { type: 'time' })}
    </div>`}
  </fieldset>`;
}

export function KeepFields({ field, children }) {
  return html`<fieldset>
    <legend>Keep</legend>
    <p class="hint fields-lead">A backup stays as long as one of these wants it. The newest good one always stays.</p>
    <div class="keep-row">
      ${field('retentionDays', 'For days', { optional: true, inputmode: 'numeric' })}
      ${SLOTS.map(([key, label]) => field(key, label, { optional: true, inputmode: 'numeric', key }))}
    </div>
    ${children}
  </fieldset>`;
}

export function WatchFields({ form, set, field, agents }) {
  const hosts = [['', 'the host itself'], ...agents.map((agent) => [agent.id, agent.name])];
  return html`<fieldset>
    <legend>Watch</legend>
    <div class="field-row">
      ${field('alertAfterHours', 'Alert without a good run for, in hours', { optional: true, inputmode: 'numeric' })}
      ${field('verifyEveryDays', 'Prove that it restores every, in days', { optional: true, inputmode: 'numeric' })}
    </div>
    ${form.verifyEveryDays && html`<${Field} id="config-verifyAgentId" type="select" label="Proven by"
      value=${form.verifyAgentId} onValue=${set('verifyAgentId')}
      hint="An encrypted backup can be proven only by a host that holds the key (AGE_IDENTITY).">
      ${select(form.verifyAgentId, hosts)}
    </${Field}>`}
  </fieldset>`;
}
