// Backup configs in a table: when each runs next, how it went last, and when it was last proven to restore.
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { describeSchedule } from '../backup.js';
import { formatBytes } from '../format.js';
import { RunState } from './badge.js';
import { Button } from './button.js';
import { Icon } from './icon.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { toast } from './toast.js';

export const isMoving = (run) => ['queued', 'running'].includes(run?.status);

// Asks for a run; the reply says which one it became.
export async function runNow(config, onChange) {
  try {
    await api(`/api/configs/${config.id}/run`, { method: 'POST' });
    toast(`${config.name} is asked for; it starts at the host’s next poll.`);
  } catch (cause) {
    toast(cause.message, 'bad');
  }
  onChange();
}

export function LastRun({ config }) {
  const run = config.lastRun;
  if (!run) return html`<span class="muted">has not run yet</span>`;
  return html`<span class="pair"><a class="badge-link" href=${`/backups/${run.id}`}><${RunState} value=${run.status} /></a>
    <${Time} ms=${run.finished_ms ?? run.started_ms} /></span>
    ${config.late && html`<small class="text-bad">no good run for too long</small>`}`;
}

export function NextRun({ config }) {
  if (!config.options.schedule) return html`<span class="muted">by hand</span>`;
  return html`<${Time} ms=${config.nextRun_ms} none="–" /> <small class="muted">${describeSchedule(config.options.schedule)}</small>`;
}

// "Proven" is a promise: it is said only of what was read back to its end, with the age of that.
export function Proven({ config }) {
  const proven = config.provenRun;
  if (!proven) return html`<span class="muted">not yet</span>`;
  return html`<span class="badge good"><${Icon} name="shield" /><${Time} ms=${proven.proven_ms} /></span>`;
}

const COLUMNS = [
  {
    name: 'config', head: 'Backup', sort: 'name',
    cell: (config) => html`<a class="strong" href=${`/configs/${config.id}`}>${config.name}</a>
      <small class="muted">${config.sources.map((source) => source.path).join(', ')}</small>`,
  },
  {
    name: 'agent', head: 'Host', sort: 'agent',
    cell: (config) => (config.agentId ? html`<a href=${`/agents/${config.agentId}`}>${config.agentName ?? 'host'}</a>`
      : config.executionMode === 'server' ? 'the server' : html`<span class="muted">none</span>`),
  },
  { name: 'last', head: 'Last run', cell: (config) => html`<${LastRun} config=${config} />` },
  { name: 'next', head: 'Next run', sort: 'next', cell: (config) => html`<${NextRun} config=${config} />` },
  { name: 'proven', head: 'Proven restorable', cell: (config) => html`<${Proven} config=${config} />` },
  { name: 'size', head: 'Stored', cell: (config) => formatBytes(config.storedBytes) },
];

export function ConfigTable({ configs, withHost = true, busy, sorting, onChange }) {
  const shown = COLUMNS.filter((column) => withHost || column.name !== 'agent');
  const act = {
    name: 'act', head: 'Act', hidden: true,
    cell: (config) => html`<${Button} icon="play" disabled=${isMoving(config.lastRun)}
      onClick=${() => runNow(config, onChange)} aria-label=${`Back up now: ${config.name}`}>Back up now</${Button}>`,
  };
  return html`<${Table} label="Backups" columns=${may('operator') ? [...shown, act] : shown} rows=${configs}
    rowKey=${(config) => config.id} busy=${busy} sorting=${sorting} />`;
}
