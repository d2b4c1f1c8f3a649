// What an agent backs up: its configurations, how the last run of each went, and "back up now".
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { now } from '../clock.js';
import { usePoll } from '../poll.js';
import { RunState } from './badge.js';
import { ConfigForm } from './config-form.js';
import { Confirm } from './dialog.js';
import { Icon } from './icon.js';
import { Empty, LoadError, Loading } from './notice.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const LIMIT = 200;
const WAITING_MS = 120000; // after this a run that has not begun is no longer "about to"

export function Configs({ agent, onAsked }) {
  const url = `/api/configs?agentId=${encodeURIComponent(agent.id)}&limit=${LIMIT}`;
  const [asked, setAsked] = useState({}); // configuration id -> {at, lastRun id then}
  const [open, setOpen] = useState(null); // {kind: 'edit' | 'delete', config}
  const waits = (config) => isWaiting(asked[config.id], config);
  const { data, error, refresh } = usePoll((signal) => api(url, { signal }), [url],
    (loaded) => (loaded?.items.some((config) => config.lastRun?.status === 'running' || waits(config)) ? 2000 : 5000));
  const close = () => setOpen(null);

  const runNow = async (config) => {
    try {
      await api(`/api/configs/${config.id}/run`, { method: 'POST' });
      setAsked((old) => ({ ...old, [config.id]: { at: now(), runId: config.lastRun?.id } }));
      toast(agent.status === 'offline' ? `${config.name} starts when ${agent.name} is back.` : `${config.name} is asked for; it starts at the agent's next poll.`);
      refresh();
      onAsked();
    } catch (cause) {
      toast(cause.message, 'bad');
    }
  };
  const remove = async (config) => {
    await api(`/api/configs/${config.id}`, { method: 'DELETE' });
    toast(`${config.name} is deleted.`);
    refresh();
  };
  const add = may('operator') && html`<button type="button" class="outline small" onClick=${() => setOpen({ kind: 'edit', config: null })}><${Icon} name="plus" />Add a backup</button>`;
  return html`<section class="panel" aria-labelledby="configs-title">
    <header class="panel-head"><h2 id="configs-title">Backups</h2>${add}</header>
    <${LoadError} error=${error} stale=${data} onRetry=${refresh} />
    ${!data && !error && html`<${Loading} what="the configurations" />`}
    ${data?.items.length === 0 && html`<${Empty} icon="archive" title="Nothing is backed up from this host.">${may('operator') ? 'Add a backup and name the directories that it covers.' : 'Ask an operator to add a backup.'}</${Empty}>`}
    ${data?.items.length > 0 && html`<ul class="rows configs">${data.items.map((config) => html`<${Row} key=${config.id} config=${config} agent=${agent}
      waiting=${waits(config)} onRun=${runNow} onOpen=${setOpen} />`)}</ul>`}
    ${open?.kind === 'edit' && html`<${ConfigForm} agent=${agent} config=${open.config} onSaved=${refresh} onClose=${close} />`}
    ${open?.kind === 'delete' && html`<${Confirm} title=${`Delete the backup “${open.config.name}”?`} action="Delete" danger onClose=${close} onConfirm=${() => remove(open.config)}>
      <p>${agent.name} stops backing up ${open.config.sources.map((source) => source.path).join(', ')}. What is stored already is kept.</p></${Confirm}>`}
  </section>`;
}

const isWaiting = (ask, config) => Boolean(ask) && config.lastRun?.id === ask.runId && now() - ask.at < WAITING_MS;

function Row({ config, agent, waiting, onRun, onOpen }) {
  const running = config.lastRun?.status === 'running';
  const blocked = ['deactivated', 'quarantined'].includes(agent.status);
  const { method, level, excludes = [], compression } = config.options ?? {};
  return html`<li class="config">
    <div class="config-main">
      <p class="strong">${config.name}</p>
      <p class="paths">${config.sources.map(({ path }) => html`<code key=${path}>${path}</code>`)}</p>
      <small class="muted">${compression === false ? 'not compressed' : `${method ?? 'gzip'}${level ? `, level ${level}` : ''}`}${excludes.length > 0 && html` · leaves out ${excludes.join(', ')}`}</small>
    </div>
    <div class="config-last">${waiting ? html`<span class="badge busy"><${Icon} name="clock" />Waiting for the agent</span>`
      : config.lastRun ? html`<${RunState} value=${config.lastRun.status} /><a class="quiet" href=${`/backups/${config.lastRun.id}`}><${Time} ms=${config.lastRun.finished_ms ?? config.lastRun.started_ms} /></a>`
        : html`<span class="muted">has not run yet</span>`}</div>
    ${may('operator') && html`<div class="actions">
      <button type="button" class="small" disabled=${running || waiting || blocked} title=${blocked ? `The agent is ${agent.status}` : undefined}
        onClick=${() => onRun(config)} aria-label=${`Back up now: ${config.name}`}><${Icon} name="play" />Back up now</button>
      <button type="button" class="secondary outline small" onClick=${() => onOpen({ kind: 'edit', config })} aria-label=${`Edit ${config.name}`}>Edit</button>
      <button type="button" class="danger outline small" onClick=${() => onOpen({ kind: 'delete', config })} aria-label=${`Delete ${config.name}`}>Delete</button>
    </div>`}
  </li>`;
}
