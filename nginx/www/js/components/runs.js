// Backup runs as a table or a list, and what one of them has done so far.
import { html } from '/vendor/preact.js';
import { now } from '../clock.js';
import { formatBytes, formatCount, formatDuration, plural } from '../format.js';
import { RunState } from './badge.js';
import { Table } from './table.js';
import { Time } from './time.js';

// A running backup is worth a closer look than a finished one.
export const runsEveryMs = (data) => (data?.items.some((run) => ['queued', 'running'].includes(run.status)) ? 2000 : 5000);

// Configurations and agents can be deleted; their runs stay.
export const configName = (run) => run.configName || 'deleted configuration';

export function AgentLink({ run, look }) {
  const name = run.agentName || 'deleted agent';
  return run.agentId ? html`<a class=${look} href=${`/agents/${run.agentId}`}>${name}</a>` : name;
}

const RunLink = ({ run }) => html`<a class="strong" href=${`/backups/${run.id}`}>${configName(run)}</a>`;

const tookMs = (run) => run.duration_ms ?? (run.status === 'running' ? now() - run.started_ms : null);

// What is done and how fast; how far that is, when the host knows from the last time what its tree holds.
export function RunProgress({ run }) {
  if (run.status === 'queued') return html`<div class="progress"><small>Waits for its host, which asks every half minute or so.</small></div>`;
  const elapsedS = Math.max(1, (now() - run.started_ms) / 1000);
  const known = run.percent !== null && run.percent !== undefined;
  const done = [
    known && `${run.percent} %`, plural(run.filesProcessed, 'file'), `${formatBytes(run.bytesRead)} read`,
    `${formatBytes(run.bytesTransferred)} stored`, `${formatBytes(run.bytesPerSecond ?? run.bytesRead / elapsedS)}/s`,
    known && run.etaS > 0 && `${formatDuration(run.etaS * 1000)} left`,
  ].filter(Boolean);
  return html`<div class="progress">
    <progress aria-label=${`Backup ${configName(run)} is running`} ...${known ? { value: run.percent, max: 100 } : {}}></progress>
    <small>${done.join(' · ')}</small>
  </div>`;
}

const COLUMNS = [
  {
    name: 'config', head: 'Backup', sort: 'config',
    cell: (run) => html`<${RunLink} run=${run} />
      ${run.type === 'incremental' && html`<small class="muted">incremental</small>`}
      ${run.status === 'running' && html`<${RunProgress} run=${run} />`}`,
  },
  { name: 'status', head: 'State', sort: 'status', cell: (run) => html`<${RunState} value=${run.status} />` },
  { name: 'agent', head: 'Agent', sort: 'agent', cell: (run) => html`<${AgentLink} run=${run} />` },
  { name: 'started', head: 'Started', sort: 'started', cell: (run) => html`<${Time} ms=${run.started_ms} />` },
  { name: 'duration', head: 'Took', sort: 'duration', cell: (run) => formatDuration(tookMs(run)) },
  { name: 'files', head: 'Files', cell: (run) => formatCount(run.filesProcessed) },
  { name: 'size', head: 'Stored', sort: 'size', cell: (run) => formatBytes(run.size ?? run.bytesTransferred) },
  {
    name: 'errors', head: 'Errors',
    cell: (run) => (run.errorCount
      ? html`<a href=${`/backups/${run.id}`}>${formatCount(run.errorCount)}</a>`
      : html`<span class="muted">0</span>`),
  },
];

export function RunTable({ runs, label, withAgent = true, busy, sorting }) {
  const columns = COLUMNS.filter((column) => withAgent || column.name !== 'agent');
  return html`<${Table} label=${label} columns=${columns} rows=${runs} rowKey=${(run) => run.id} busy=${busy}
    sorting=${sorting} />`;
}

// The same in a narrow column.
export function RunList({ runs }) {
  return html`<ul class="rows">${runs.map((run) => html`<${RunItem} key=${run.id} run=${run} />`)}</ul>`;
}

function RunItem({ run }) {
  const running = run.status === 'running';
  return html`<li class="run">
    <div>
      <p><${RunLink} run=${run} /></p>
      <small class="muted">
        <${AgentLink} run=${run} look="quiet" /> · <${Time} ms=${run.finished_ms ?? run.started_ms} />
        ${!running && ` · ${formatBytes(run.size)}`}${run.errorCount > 0 && ` · ${plural(run.errorCount, 'error')}`}
      </small>
      ${running && html`<${RunProgress} run=${run} />`}
    </div>
    <${RunState} value=${run.status} />
  </li>`;
}
