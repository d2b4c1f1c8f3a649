// What an agent backs up: its configurations, how the last run of each went, and "back up now".
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { now } from '../clock.js';
import { usePoll } from '../poll.js';
import { RunState } from './badge.js';
import { Button } from './button.js';
import { ConfigForm } from './config-form.js';
import { Confirm } from './dialog.js';
import { Icon } from './icon.js';
import { Empty } from './notice.js';
import { Panel, Remote } from './panel.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const LIMIT = 200;
const WAITING_MS = 120000; // after this a run that has not begun is no longer "about to"

export function Configs({ agent, onAsked }) {
  const url = `/api/configs?agentId=${encodeURIComponent(agent.id)}&limit=${LIMIT}`;
  const [asked, setAsked] = useState({}); // configuration id -> {at, runId: its last run then}
  const [open, setOpen] = useState(null); // {kind: 'edit' | 'delete', config}
  const waits = (config) => isWaiting(asked[config.id], config);
  const moves = (config) => config.lastRun?.status === 'running' || waits(config);
  const poll = usePoll((signal) => api(url, { signal }), [url], (data) => (data?.items.some(moves) ? 2000 : 5000));
  const close = () => setOpen(null);

  const runNow = async (config) => {
    try {
      await api(`/api/configs/${config.id}/run`, { method: 'POST' });
    } catch (cause) {
      toast(cause.message, 'bad');
      return;
    }
    setAsked((old) => ({ ...old, [config.id]: { at: now(), runId: config.lastRun?.id } }));
    toast(agent.status === 'offline'
      ? `${config.name} starts when ${agent.name} is back.`
      : `${config.name} is asked for; it starts at the agent's next poll.`);
    poll.refresh();
    onAsked();
  };
  const remove = async (config) => {
    await api(`/api/configs/${config.id}`, { method: 'DELETE' });
    toast(`${config.name} is deleted.`);
    poll.refresh();
  };
  const add = () => setOpen({ kind: 'edit', config: null });
  const aside = may('operator') && html`<${Button} icon="plus" onClick=${add}>Add a backup</${Button}>`;
  return html`<${Panel} id="configs" title="Backups" aside=${aside}>
    <${Remote} poll=${poll} what="the configurations">${({ items }) => (items.length
      ? html`<ul class="rows configs">${items.map((config) => html`<${Row} key=${config.id} config=${config}
          agent=${agent} waiting=${waits(config)} onRun=${runNow} onOpen=${setOpen} />`)}</ul>`
      : html`<${Empty} icon="archive" title="Nothing is backed up from this host.">
          ${may('operator') ? 'Add a backup and name the directories that it covers.' : 'Ask an operator to add a backup.'}
        </${Empty}>`)}
    </${Remote}>
    ${open?.kind === 'edit' && html`<${ConfigForm} agent=${agent} config=${open.config}
      onSaved=${poll.refresh} onClose=${close} />`}
    ${open?.kind === 'delete' && html`<${Confirm} title=${`Delete the backup “${open.config.name}”?`} action="Delete"
      danger onClose=${close} onConfirm=${() => remove(open.config)}>
      <p>${agent.name} stops backing up ${pathsOf(open.config).join(', ')}. What is stored already is kept.</p>
    </${Confirm}>`}
  </${Panel}>`;
}

const isWaiting = (ask, config) => Boolean(ask) && config.lastRun?.id === ask.runId && now() - ask.at < WAITING_MS;

const pathsOf = (config) => config.sources.map((source) => source.path);

// "zstd, level 3 · leaves out *.tmp"
function howPacked({ method = 'gzip', level, excludes = [], compression } = {}) {
  const packing = compression === false ? 'not compressed' : `${method}${level ? `, level ${level}` : ''}`;
  return excludes.length ? `${packing} · leaves out ${excludes.join(', ')}` : packing;
}

function Row({ config, agent, waiting, onRun, onOpen }) {
  const blocked = ['deactivated', 'quarantined'].includes(agent.status);
  const idle = config.lastRun?.status !== 'running' && !waiting;
  return html`<li class="config">
    <div class="config-main">
      <p class="strong">${config.name}</p>
      <p class="paths">${pathsOf(config).map((path) => html`<code key=${path}>${path}</code>`)}</p>
      <small class="muted">${howPacked(config.options)}</small>
    </div>
    <div class="config-last"><${LastRun} run=${config.lastRun} waiting=${waiting} /></div>
    ${may('operator') && html`<div class="actions">
      <${Button} look="main" icon="play" disabled=${blocked || !idle} onClick=${() => onRun(config)}
        title=${blocked ? `The agent is ${agent.status}` : undefined} aria-label=${`Back up now: ${config.name}`}>
        Back up now</${Button}>
      <${Button} look="quiet" onClick=${() => onOpen({ kind: 'edit', config })}
        aria-label=${`Edit ${config.name}`}>Edit</${Button}>
      <${Button} look="danger" onClick=${() => onOpen({ kind: 'delete', config })}
        aria-label=${`Delete ${config.name}`}>Delete</${Button}>
    </div>`}
  </li>`;
}

function LastRun({ run, waiting }) {
  if (waiting) return html`<span class="badge busy"><${Icon} name="clock" />Waiting for the agent</span>`;
  if (!run) return html`<span class="muted">has not run yet</span>`;
  return html`<${RunState} value=${run.status} />
    <a class="quiet" href=${`/backups/${run.id}`}><${Time} ms=${run.finished_ms ?? run.started_ms} /></a>`;
}
