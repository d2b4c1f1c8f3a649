// One rollout as it goes: how far it is, its stages, what failed, every agent of it, and its plan.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { Fact, Facts } from '../components/facts.js';
import { LoadError, Notice } from '../components/notice.js';
import { Panel } from '../components/panel.js';
import { RolloutActions } from '../components/rollout-actions.js';
import { RolloutFailures } from '../components/rollout-failures.js';
import { RolloutBar } from '../components/rollout-list.js';
import { RolloutMembers } from '../components/rollout-members.js';
import { RolloutStages } from '../components/rollout-stages.js';
import { Legend } from '../components/stacked-bar.js';
import { Time } from '../components/time.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { RolloutState } from '../components/update-badge.js';
import { formatCount, formatDuration, sentence } from '../format.js';
import { usePoll } from '../poll.js';
import {
  catchesLate, describePace, describeTarget, describeThresholds, describeWindows, endedOf, isOver, progressParts,
} from '../rollout.js';

const everyMs = (rollout) => (rollout && isOver(rollout) ? 10000 : 2000);

export function RolloutPage({ id, title }) {
  const url = `/api/rollouts/${encodeURIComponent(id)}`;
  const poll = usePoll((signal) => api(url, { signal }), [url], everyMs);
  const rollout = poll.data;
  if (!rollout) {
    return html`<${NotThere} poll=${poll} title=${title} what="rollout">
      <a href="/rollouts">Show all rollouts</a>
    </${NotThere}>`;
  }
  const name = `${rollout.version} to ${describeTarget(rollout)}`;
  const heading = html`<a class="quiet" href=${`/releases/${rollout.version}`}>${rollout.version}</a> <span
    class="muted">to</span> ${describeTarget(rollout)}`;
  return html`<div>
    <${Crumbs} href="/rollouts" label="Rollouts" here=${name} />
    <${PageHead} title=${name} heading=${heading}>
      <${RolloutState} value=${rollout.state} /><${RolloutActions} rollout=${rollout} onChange=${poll.refresh} />
    </${PageHead}>
    <${LoadError} error=${poll.error} stale onRetry=${poll.refresh} />
    <${StateNotice} rollout=${rollout} />
    <${Progress} rollout=${rollout} />
    <${RolloutStages} rollout=${rollout} onChange=${poll.refresh} />
    <${RolloutFailures} rollout=${rollout} />
    <${RolloutMembers} rollout=${rollout} />
    <${Plan} rollout=${rollout} />
  </div>`;
}

// Why it does not move, and what would.
function StateNotice({ rollout }) {
  const { state, reason, version, previousVersion } = rollout;
  if (state === 'paused') {
    const text = html`<strong>Paused.</strong> ${sentence(reason)} Nothing more is offered until it is resumed.`;
    return html`<${Notice} tone="warn" icon="pause" role="status" text=${text} />`;
  }
  if (state === 'rolling_back') {
    const text = html`<strong>Rolling back.</strong> Agents that have ${version} are given ${previousVersion} again.`;
    return html`<${Notice} tone="warn" icon="undo" role="status" text=${text} />`;
  }
  if (state === 'aborted') {
    const text = html`<strong>Aborted.</strong> Agents that have ${version} keep it.`;
    return html`<${Notice} tone="calm" icon="cross" role="status" text=${text} />`;
  }
  if (catchesLate(rollout)) {
    const text = 'Done. Agents that come later are still given it, until the next rollout of its channel.';
    return html`<${Notice} tone="good" icon="check" role="status" text=${text} />`;
  }
  return null;
}

function Progress({ rollout }) {
  const { ended, total } = endedOf(rollout);
  const parts = progressParts(rollout);
  const percent = total ? Math.floor((ended / total) * 100) : 0;
  return html`<section class="panel progress-panel" aria-labelledby="progress-title">
    <header class="panel-head"><h2 id="progress-title">Progress</h2>
      <span class="muted">${formatCount(ended)} of ${formatCount(total)} have ended · ${percent} %</span></header>
    <${RolloutBar} rollout=${rollout} />
    <${Legend} parts=${parts} />
  </section>`;
}

function Plan({ rollout }) {
  return html`<${Panel} id="plan" title="Plan">
    <${Facts}>
      <${Fact} label="Begun"><${Time} ms=${rollout.created_ms} /></${Fact}>
      <${Fact} label="Ended"><${Time} ms=${rollout.finished_ms} none="not yet" /></${Fact}>
      <${Fact} label="Channel">${rollout.channel}</${Fact}>
      <${Fact} label="A roll back puts in place">${rollout.previousVersion
        ? html`<a href=${`/releases/${rollout.previousVersion}`}>${rollout.previousVersion}</a>`
        : 'nothing: there is no older release'}</${Fact}>
      <${Fact} label="Pace">${describePace(rollout.pace)}</${Fact}>
      <${Fact} label="Offers">${describeWindows(rollout.windows)}</${Fact}>
      <${Fact} label="Counts as silent after">${formatDuration(rollout.silenceS * 1000)}</${Fact}>
      <${Fact} label="Pauses itself when" wide>${describeThresholds(rollout.thresholds)}</${Fact}>
    </${Facts}>
  </${Panel}>`;
}
