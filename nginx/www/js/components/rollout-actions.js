// What can be done to a rollout. Each act says first, in the numbers of this moment, what it will do.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { plural } from '../format.js';
import { catchesLate, countOf, describeAmount, isOver, mayChange, nowhereWell } from '../rollout.js';
import { Button } from './button.js';
import { Confirm } from './dialog.js';
import { ChangePlan } from './rollout-change.js';
import { toast } from './toast.js';

const inPlace = (rollout) => rollout.members.committed + rollout.members.unhealthy - rollout.members.rolledBack;
const stoppable = ({ members }) => members.offered + members.waiting + members.downloading + members.verifying;

const are = (n) => (n === 1 ? 'is' : 'are');
const has = (n) => (n === 1 ? 'has' : 'have');

// What becomes of those that are not at their end, and of those that are. Nothing is said of nobody.
function whom(rollout) {
  const stops = stoppable(rollout);
  const { trial } = rollout.members;
  const keep = inPlace(rollout);
  return [
    stops && `${plural(stops, 'agent')} that ${are(stops)} still downloading or waiting will stop.`,
    trial && `${plural(trial, 'agent')} on trial will end the trial by ${trial === 1 ? 'itself' : 'themselves'}.`,
    keep ? `${plural(keep, 'agent')} ${has(keep)} ${rollout.version} and will keep it.`
      : `No agent has ${rollout.version} by it yet.`,
  ].filter(Boolean).join(' ');
}

const Forgiven = ({ failed }) => failed > 0 && html`<p><strong>${plural(failed, 'failure')} until
  now ${are(failed)} forgiven:</strong> only what fails from here on counts towards its limits.</p>`;

// verb -> how it is offered and what its dialog says. when(rollout): whether it makes sense now.
const ACTS = {
  resume: {
    label: 'Resume', look: 'main', icon: 'play', done: 'goes on',
    when: ({ state }) => state === 'paused',
    title: ({ version }) => `Resume the rollout of ${version}?`,
    text: (rollout) => html`<p>It goes on with stage ${rollout.stage + 1} of ${rollout.stages.length}.</p>
      <${Forgiven} failed=${countOf(rollout, 'failed')} />
      ${nowhereWell(rollout) && html`<p>It is well on no agent yet, so it does not go on to another stage by itself: “Next
        stage” does that.</p>`}`,
  },
  advance: {
    label: 'Next stage', look: 'plain', icon: 'skip', done: 'is in its next stage',
    when: ({ state, kind, stage, stages }) => state === 'running' && kind === 'staged' && stage < stages.length - 1,
    title: (rollout) => `Begin stage ${rollout.stage + 2} now?`,
    text: ({ stages, stage }) => html`<p>The next stage reaches up to <strong>${describeAmount(stages[stage + 1])}</strong>,
      and begins without waiting for this one to be watched, nor for its agents that have not ended.</p>`,
  },
  pause: {
    label: 'Pause', look: 'plain', icon: 'pause', done: 'is paused',
    when: ({ state }) => state === 'running',
    title: ({ version }) => `Pause the rollout of ${version}?`,
    text: (rollout) => html`<p>Nothing more is offered until it is resumed.</p><p>${whom(rollout)}</p>`,
  },
  rollback: {
    label: 'Roll back', look: 'danger', icon: 'undo', danger: true, done: 'is being rolled back',
    when: (rollout) => rollout.previousVersion && !['rolling_back', 'rolled_back'].includes(rollout.state)
      && inPlace(rollout) > 0,
    title: (rollout) => `Put ${rollout.previousVersion} back?`,
    text: (rollout) => html`<p><strong>${plural(inPlace(rollout), 'agent')}</strong> that this rollout has brought
      to ${rollout.version} will be given ${rollout.previousVersion} again, ${rollout.pace.maxInFlight} at a time, without
      stages and windows. Nobody else gets ${rollout.version} by it any more.</p>
      <p class="muted">Agents go back only to what is signed for it: ${rollout.version} withdrawn, or the older release
      published with downgrades allowed.</p>`,
  },
  abort: {
    label: 'Abort', look: 'danger', icon: 'cross', danger: true, done: 'is aborted',
    when: (rollout) => !isOver(rollout) || catchesLate(rollout),
    title: ({ version }) => `End the rollout of ${version} here?`,
    text: (rollout) => (catchesLate(rollout)
      ? html`<p>It is done, and is still given to agents that enrol or come back later, until the next rollout takes
          over. Those will not get it any more; who has ${rollout.version} keeps it.</p>`
      : html`<p>${whom(rollout)}</p>
          <p>${plural(countOf(rollout, 'pending') + stoppable(rollout), 'agent')} will not get
            it. <strong>It cannot be resumed.</strong></p>`),
  },
};

export function RolloutActions({ rollout, onChange }) {
  const [open, setOpen] = useState('');
  if (!mayChange(rollout)) return null;
  const close = () => setOpen('');
  const run = (verb) => async () => {
    await api(`/api/rollouts/${rollout.id}/${verb}`, { method: 'POST' });
    toast(`The rollout of ${rollout.version} ${ACTS[verb].done}.`);
    onChange();
  };
  const offered = Object.entries(ACTS).filter(([, act]) => act.when(rollout));
  const changeable = !isOver(rollout) && rollout.state !== 'rolling_back' && rollout.kind !== 'single';
  const button = ([verb, act]) => html`<${Button} key=${verb} look=${act.look} icon=${act.icon}
    onClick=${() => setOpen(verb)}>${act.label}</${Button}>`;
  const act = ACTS[open];
  return html`<div class="actions">
    ${offered.filter(([, each]) => !each.danger).map(button)}
    ${changeable && html`<${Button} look="quiet" onClick=${() => setOpen('change')}>Change the plan</${Button}>`}
    ${offered.filter(([, each]) => each.danger).map(button)}
    ${act && html`<${Confirm} title=${act.title(rollout)} action=${act.label} danger=${act.danger}
      onClose=${close} onConfirm=${run(open)}>${act.text(rollout)}</${Confirm}>`}
    ${open === 'change' && html`<${ChangePlan} rollout=${rollout} onChange=${onChange} onClose=${close} />`}
  </div>`;
}
