// Rollouts as a table, as a short list, and the bar that says how far one is.
import { html } from '/vendor/preact.js';
import { formatCount } from '../format.js';
import { countOf, describeTarget, endedOf, isOver, progressParts } from '../rollout.js';
import { StackedBar } from './stacked-bar.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { RolloutState } from './update-badge.js';

export function RolloutBar({ rollout, look }) {
  return html`<${StackedBar} parts=${progressParts(rollout)} label=${`Rollout of ${rollout.version}`} look=${look} />`;
}

// "12 of 40, 1 failed"
export function RolloutNumbers({ rollout }) {
  const { ended, total } = endedOf(rollout);
  const failed = countOf(rollout, 'failed');
  return html`<small class="muted">${formatCount(ended)} of ${formatCount(total)}${failed > 0
    && html`, <span class="text-bad">${formatCount(failed)} failed</span>`}</small>`;
}

const RolloutLink = ({ rollout }) => html`<a class="strong" href=${`/rollouts/${rollout.id}`}>${rollout.version}</a>`;

const stageOf = (rollout) => (rollout.kind === 'staged' && !isOver(rollout)
  ? `${rollout.stage + 1} of ${rollout.stages.length}` : '–');

const COLUMNS = [
  {
    name: 'name', head: 'Version', sort: 'version',
    cell: (rollout) => html`<${RolloutLink} rollout=${rollout} />
      <small class="muted">${describeTarget(rollout)}</small>`,
  },
  { name: 'status', head: 'State', sort: 'state', cell: (rollout) => html`<${RolloutState} value=${rollout.state} />` },
  {
    name: 'progress', head: 'Progress',
    cell: (rollout) => html`<${RolloutBar} rollout=${rollout} look="slim" /><${RolloutNumbers} rollout=${rollout} />`,
  },
  { name: 'stage', head: 'Stage', cell: stageOf },
  { name: 'created', head: 'Begun', sort: 'created', cell: (rollout) => html`<${Time} ms=${rollout.created_ms} />` },
  { name: 'finished', head: 'Ended', sort: 'finished', cell: (rollout) => html`<${Time} ms=${rollout.finished_ms} none="–" />` },
];

export function RolloutTable({ rollouts, busy, sorting, label = 'Rollouts' }) {
  return html`<${Table} label=${label} columns=${COLUMNS} rows=${rollouts} rowKey=${(row) => row.id} busy=${busy} sorting=${sorting} />`;
}

// The same in a narrow column.
export function RolloutList({ rollouts }) {
  return html`<ul class="rows">${rollouts.map((rollout) => html`<li key=${rollout.id} class="rollout-item">
    <p><${RolloutLink} rollout=${rollout} /> <span class="muted">to ${describeTarget(rollout)}</span></p>
    <${RolloutState} value=${rollout.state} />
    <div><${RolloutBar} rollout=${rollout} look="slim" /><${RolloutNumbers} rollout=${rollout} /></div>
  </li>`)}</ul>`;
}
