// What a new server still needs, in the order that makes sense: one's own second factor, an agent, a backup, a release.
// It goes by itself when all of it is done.
import { html } from '/vendor/preact.js';
import { api, hasFactor } from '../api.js';
import { usePoll } from '../poll.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';
import { Panel } from './panel.js';

const steps = ({ me, overview, releases }) => [
  {
    name: 'Protect your account', done: hasFactor(me), href: '/account/mfa', action: 'Set up a second factor',
    why: 'Whoever has your password could otherwise change every host.',
  },
  {
    name: 'Add the first agent', done: overview.agents.total > 0, href: '/add', action: 'Add an agent',
    why: 'One command on a host; the page shows it.',
  },
  {
    name: 'Make the first backup', done: Boolean(overview.backups.lastCompleted_ms), href: '/configs/new',
    action: 'Add a backup', why: 'Choose a host and its directories, then “Back up now”.',
  },
  {
    name: 'Publish the first release', done: releases.items.length > 0, href: '/releases', action: 'See how',
    why: 'So that agents are kept up to date, in stages, and go back by themselves when one is bad.',
  },
];

// me: the session; onAside(): somebody does not want to see them.
export function FirstSteps({ me, overview, onAside }) {
  const { data: releases } = usePoll((signal) => api('/api/releases', { signal }), [], 0);
  if (!releases) return null;
  const list = steps({ me, overview, releases });
  const left = list.filter((step) => !step.done);
  if (!left.length) return null;
  const title = html`First steps <span class="muted">${list.length - left.length} of ${list.length} done</span>`;
  const close = html`<${IconButton} icon="cross" label="Put the first steps aside" onClick=${onAside} />`;
  return html`<${Panel} id="first-steps" title=${title} aside=${close}>
    <ol class="first-steps">${list.map((step) => html`<${Step} key=${step.name} step=${step} next=${step === left[0]} />`)}</ol>
  </${Panel}>`;
}

function Step({ step: { name, done, href, action, why }, next }) {
  return html`<li class=${done ? 'done' : ''}>
    <span class=${`badge ${done ? 'good' : 'calm'}`}><${Icon} name=${done ? 'check' : 'ring'} />
      <span class="sr">${done ? 'Done' : 'To do'}: </span></span>
    <div><p class="strong">${name}</p>${!done && html`<small class="muted">${why}</small>`}</div>
    ${!done && html`<a href=${href} role="button" class=${`small ${next ? '' : 'outline'}`}>${action}</a>`}
  </li>`;
}
