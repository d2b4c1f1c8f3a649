// The stages of a rollout drawn in their order: those that are behind it, the one that runs, and what it waits for.
import { html, useState } from '/vendor/preact.js';
import { clock } from '../clock.js';
import { formatDuration } from '../format.js';
import { countOf, describeAmount, describeSoak, isOver, mayChange, nowhereWell, soakMs } from '../rollout.js';
import { useStore } from '../store.js';
import { Button } from './button.js';
import { Icon } from './icon.js';
import { Panel } from './panel.js';
import { ChangeReach } from './rollout-change.js';

export function RolloutStages({ rollout, onChange }) {
  const [open, setOpen] = useState(false);
  if (rollout.kind === 'single') return null;
  const last = rollout.stages.length - 1;
  const changeable = mayChange(rollout) && ['running', 'paused'].includes(rollout.state);
  const amount = rollout.stages[rollout.stage].count ? 'the number' : 'the percentage';
  const aside = changeable && html`<${Button} look="quiet" onClick=${() => setOpen(true)}>Change ${amount}</${Button}>`;
  return html`<${Panel} id="stages" title="Stages" aside=${aside}>
    <ol class="stages">${rollout.stages.map((stage, n) => html`<${Stage} key=${n} n=${n} stage=${stage}
      last=${n === last} rollout=${rollout} />`)}</ol>
    ${open && html`<${ChangeReach} rollout=${rollout} onChange=${onChange} onClose=${() => setOpen(false)} />`}
  </${Panel}>`;
}

function standing(rollout, n) {
  if (rollout.state === 'done') return 'past';
  if (n < rollout.stage) return 'past';
  if (n > rollout.stage) return 'ahead';
  return isOver(rollout) || rollout.state === 'rolling_back' ? 'stopped' : 'now';
}

const ICONS = { past: 'check', now: 'play', stopped: 'pause', ahead: 'ring' };
const WORDS = { past: 'behind it', now: 'under way', stopped: 'ended here', ahead: 'to come' };

function Stage({ n, stage, last, rollout }) {
  const where = standing(rollout, n);
  return html`<li class=${`stage ${where}`} aria-current=${where === 'now' ? 'step' : undefined}>
    <p class="stage-head"><${Icon} name=${where === 'now' && rollout.state === 'paused' ? 'pause' : ICONS[where]} />
      Stage ${n + 1}<span class="sr">, ${WORDS[where]}</span></p>
    <p class="stage-amount">${describeAmount(stage)}</p>
    <p class="stage-note">${where === 'now'
      ? html`<${Now} rollout=${rollout} stage=${stage} last=${last} />` : describeSoak(stage, last)}</p>
    ${stage.k8s === 'automatic' && html`<p class="stage-note">containers roll out too</p>`}
  </li>`;
}

function Now({ rollout, stage, last }) {
  const now = useStore(clock);
  if (rollout.state === 'paused') return 'paused here';
  if (!rollout.stageDone_ms) {
    const moving = countOf(rollout, 'moving');
    if (moving) return `${moving} under way`;
    if (last || !nowhereWell(rollout)) return 'waits for its agents';
    return html`<strong>it is well on no agent yet; “Next stage” goes on all the same</strong>`;
  }
  const left = rollout.stageDone_ms + soakMs(stage) - now;
  if (last) return 'all have ended';
  if (left > 0) return `all have ended; watched for ${formatDuration(Math.max(1000, left))} more`;
  return stage.advance === 'manual' ? html`<strong>waits for you: “Next stage”</strong>` : 'goes on in a moment';
}
