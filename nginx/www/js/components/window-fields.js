// When a rollout may offer: days and hours. All of it is UTC, because the hosts are where they are.
import { html } from '/vendor/preact.js';
import { clock } from '../clock.js';
import { DAYS } from '../rollout.js';
import { useStore } from '../store.js';
import { Button, IconButton } from './button.js';
import { Field } from './field.js';

const USUAL = { days: [], from: '22:00', to: '04:00' };
const MOST = 20;

const utcTime = new Intl.DateTimeFormat('en-GB', {
  timeZone: 'UTC', hour: '2-digit', minute: '2-digit', weekday: 'short',
});

export function WindowFields({ windows, onWindows, errors }) {
  const now = useStore(clock);
  const change = (n) => (patch) => onWindows(windows.map((window, m) => (m === n ? { ...window, ...patch } : window)));
  return html`<fieldset class="windows-form">
    <legend>Windows</legend>
    <p class="hint">${windows.length ? html`Nothing is offered outside these, in UTC, where it is now ${utcTime.format(now)}.
      One that closes before it opens goes over midnight.` : 'None: at any time.'}</p>
    ${windows.map((window, n) => html`<${OneWindow} key=${n} n=${n} window=${window} errors=${errors}
      onWindow=${change(n)} onRemove=${() => onWindows(windows.filter((_, m) => m !== n))} />`)}
    <${Button} look="quiet" icon="plus" disabled=${windows.length >= MOST}
      onClick=${() => onWindows([...windows, USUAL])}>Add a window</${Button}>
  </fieldset>`;
}

function OneWindow({ n, window, errors, onWindow, onRemove }) {
  const name = `window ${n + 1}`;
  const toggle = (day) => onWindow({
    days: window.days.includes(day) ? window.days.filter((each) => each !== day) : [...window.days, day],
  });
  const time = (key, label) => html`<${Field} id=${`plan-windows-${n}-${key}`} type="time" value=${window[key]}
    error=${errors[`windows/${n}/${key}`]} onValue=${(value) => onWindow({ [key]: value })}
    label=${html`${label}<span class="sr"> (${name})</span>`} />`;
  return html`<fieldset class="window-form">
    <legend class="sr">Window ${n + 1}: its days, none of which means all, and hours</legend>
    <div class="days">${DAYS.map(([day, label]) => html`
      <label key=${day}>
        <input type="checkbox" checked=${window.days.includes(day)} onChange=${() => toggle(day)} />${label}
      </label>`)}
      ${!window.days.length && html`<span class="muted">none chosen: every day</span>`}</div>
    ${time('from', 'From')}${time('to', 'Until')}
    <${IconButton} icon="cross" label=${`Remove ${name}`} onClick=${onRemove} />
    ${errors[`windows/${n}`] && html`<small class="field-error">${errors[`windows/${n}`]}</small>`}
  </fieldset>`;
}
