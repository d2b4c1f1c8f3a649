// States as a shape, a word and a colour, in that order of trust: colour alone tells many people nothing.
import { html } from '/vendor/preact.js';
import { Icon } from './icon.js';

// tone is one of good, warn, bad, busy, calm; app.css gives each its colours.
export const AGENT_STATES = {
  online: { label: 'Online', icon: 'dot', tone: 'good', hint: 'reporting on time' },
  offline: { label: 'Offline', icon: 'ring', tone: 'calm', hint: 'three intervals missed' },
  error: { label: 'Error', icon: 'warning', tone: 'bad', hint: 'the last run or update failed' },
  quarantined: { label: 'Quarantined', icon: 'shield', tone: 'warn', hint: 'waits for your approval' },
  deactivated: { label: 'Deactivated', icon: 'pause', tone: 'calm', hint: 'its key is refused' },
};

export const RUN_STATES = {
  queued: { label: 'Queued', icon: 'clock', tone: 'calm', hint: 'due, and waits for its host' },
  running: { label: 'Running', icon: 'clock', tone: 'busy' },
  completed: { label: 'Completed', icon: 'check', tone: 'good' },
  warning: { label: 'Warning', icon: 'warning', tone: 'warn' },
  failed: { label: 'Failed', icon: 'cross', tone: 'bad' },
  cancelled: { label: 'Cancelled', icon: 'pause', tone: 'calm' },
  lost: { label: 'Lost', icon: 'cross', tone: 'bad', hint: 'nothing was heard of it for too long' },
};

const LEVELS = {
  debug: { label: 'Debug', icon: 'dot', tone: 'calm' },
  info: { label: 'Info', icon: 'dot', tone: 'busy' },
  warning: { label: 'Warning', icon: 'warning', tone: 'warn' },
  error: { label: 'Error', icon: 'cross', tone: 'bad' },
};

export const OTP_STATES = {
  open: { label: 'Open', icon: 'clock', tone: 'busy' },
  used: { label: 'Used', icon: 'check', tone: 'good' },
  expired: { label: 'Expired', icon: 'ring', tone: 'calm' },
  blocked: { label: 'Blocked', icon: 'shield', tone: 'bad' },
  revoked: { label: 'Revoked', icon: 'pause', tone: 'calm' },
};

// children, when given, stand in the badge instead of its word, which is then left to the icon, the hover text and
// assistive technology.
export function Badge({ states, value, children }) {
  // A newer server may know a state that this page does not: show its word plainly.
  const { label, icon, tone, hint } = states[value] ?? { label: value, icon: 'dot', tone: 'calm' };
  return html`<span class=${`badge ${tone}`} title=${children ? label : hint}>
    <${Icon} name=${icon} />${children ? html`<span class="sr">${label} </span>${children}` : label}
  </span>`;
}

export const AgentState = ({ value }) => html`<${Badge} states=${AGENT_STATES} value=${value} />`;
export const RunState = ({ value, children }) => html`
  <${Badge} states=${RUN_STATES} value=${value}>${children}</${Badge}>`;
export const Level = ({ value }) => html`<${Badge} states=${LEVELS} value=${value} />`;
export const OtpState = ({ value }) => html`<${Badge} states=${OTP_STATES} value=${value} />`;
