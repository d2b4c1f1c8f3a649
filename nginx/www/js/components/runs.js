// Backup runs as a table, and what one of them has done so far.
import { html } from '/vendor/preact.js';
import { now } from '../clock.js';
import { formatBytes, formatCount, formatDuration, plural } from '../format.js';
import { RunState } from './badge.js';
import { Table } from './table.js';
import { Time } from './time.js';

// A running backup is worth a closer look than a finished one.
export const runsEveryMs = (data) => (data?.items.some((run) => run.status === 'running') ? 2000 : 5000);

// How far a backup is cannot be known (the end is where the tree ends), so this says what is done and how fast.
export function RunProgress({ run }) {
  const elapsedS = Math.max(1, (now() - run.started_ms) / 1000);
  return html`<div class="progress"><progress aria-label=${`Backup ${run.configName} is running`}></progress>
    <small>${plural(run.filesProcessed, 'file')} · ${formatBytes(run.bytesRead)} read · ${formatBytes(run.bytesTransferred)} stored · ${formatBytes(run.bytesRead / elapsedS)}/s</small></div>`;
}

const COLUMNS = [
  { name: 'config', head: 'Backup', cell: (run) => html`<a class="strong" href=${`/backups/${run.id}`}>${run.configName || 'deleted configuration'}</a>${run.status === 'running' && html`<${RunProgress} run=${run} />`}` },
  { name: 'status', head: 'State', cell: (run) => html`<${RunState} value=${run.status} />` },
  { name: 'agent', head: 'Agent', cell: (run) => (run.agentId ? html`<a href=${`/agents/${run.agentId}`}>${run.agentName}</a>` : html`<span class="muted">${run.agentName || 'deleted agent'}</span>`) },
  { name: 'started', head: 'Started', cell: (run) => html`<${Time} ms=${run.started_ms} />` },
  { name: 'duration', head: 'Took', cell: (run) => formatDuration(run.duration_ms ?? (run.status === 'running' ? now() - run.started_ms : null)) },
  { name: 'files', head: 'Files', cell: (run) => formatCount(run.filesProcessed) },
  { name: 'size', head: 'Stored', cell: (run) => formatBytes(run.size ?? run.bytesTransferred) },
  { name: 'errors', head: 'Errors', cell: (run) => (run.errorCount ? html`<a href=${`/backups/${run.id}`}>${formatCount(run.errorCount)}</a>` : html`<span class="muted">0</span>`) },
];

export function RunTable({ runs, label, withAgent = true, busy }) {
  const columns = COLUMNS.filter((column) => withAgent || column.name !== 'agent');
  return html`<${Table} label=${label} columns=${columns} rows=${runs} rowKey=${(run) => run.id} busy=${busy} />`;
}

// The same in a narrow column.
export function RunList({ runs }) {
  return html`<ul class="rows">${runs.map((run) => html`<li key=${run.id} class="run">
    <div>
      <p><a class="strong" href=${`/backups/${run.id}`}>${run.configName || 'deleted configuration'}</a></p>
      <small class="muted">${run.agentId ? html`<a class="quiet" href=${`/agents/${run.agentId}`}>${run.agentName}</a>` : run.agentName || 'deleted agent'} · <${Time} ms=${run.finished_ms ?? run.started_ms} />${run.status !== 'running' && ` · ${formatBytes(run.size)}`}${run.errorCount > 0 && ` · ${plural(run.errorCount, 'error')}`}</small>
      ${run.status === 'running' && html`<${RunProgress} run=${run} />`}
    </div><${RunState} value=${run.status} /></li>`)}</ul>`;
}
