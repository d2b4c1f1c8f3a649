// One backup: how it fares, what can be restored, what was asked of it, and what its rules would delete.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { describeKeep, describePacking } from '../backup.js';
import { Chains } from '../components/chains.js';
import { LastRun, NextRun, Proven, isMoving, runNow } from '../components/config-table.js';
import { Button } from '../components/button.js';
import { Confirm } from '../components/dialog.js';
import { Fact, Facts } from '../components/facts.js';
import { JobList } from '../components/jobs.js';
import { LoadError, Notice } from '../components/notice.js';
import { Panel } from '../components/panel.js';
import { RetentionPreview } from '../components/retention.js';
import { RunProgress } from '../components/runs.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { toast } from '../components/toast.js';
import { formatBytes, sentence } from '../format.js';
import { usePoll } from '../poll.js';
import { navigate } from '../router.js';

export function ConfigPage({ id, title }) {
  const url = `/api/configs/${encodeURIComponent(id)}`;
  const poll = usePoll((signal) => api(url, { signal }), [url], (data) => (isMoving(data?.lastRun) ? 2000 : 5000));
  const config = poll.data;
  if (!config) {
    return html`<${NotThere} poll=${poll} title=${title} what="backup"><a href="/backups">Show all backups</a></${NotThere}>`;
  }
  return html`<div>
    <${Crumbs} href="/backups" label="Backups" here=${config.name} />
    <${PageHead} title=${config.name}><${Actions} config=${config} onChange=${poll.refresh} /></${PageHead}>
    <${LoadError} error=${poll.error} stale onRetry=${poll.refresh} />
    ${config.late && html`<${Notice} tone="warn" icon="bell" text="No good run for longer than this backup allows. Its last
      runs below say why; an offline host catches up once it is back." />`}
    <${WhyFailed} run=${config.lastRun} />
    <${About} config=${config} />
    <${Chains} config=${config} />
    <${JobList} configId=${config.id} />
    <${Panel} id="retention" title="Retention">
      <p>Kept: ${describeKeep(config.options)}.</p>
      <${RetentionPreview} configId=${config.id} />
    </${Panel}>
  </div>`;
}

function Actions({ config, onChange }) {
  const [deleting, setDeleting] = useState(false);
  const blocked = isMoving(config.lastRun);
  if (!may('operator')) return null;
  const remove = async () => {
    await api(`/api/configs/${config.id}`, { method: 'DELETE' });
    toast(`${config.name} is deleted.`);
    navigate('/backups', { replace: true });
  };
  return html`<div class="actions">
    <${Button} look="main" icon="play" disabled=${blocked} onClick=${() => runNow(config, onChange)}>Back up now</${Button}>
    <a role="button" class="secondary outline small" href=${`/configs/${config.id}/edit`}>Edit</a>
    <a role="button" class="secondary outline small" href=${`/configs/new?clone=${config.id}`}>Clone</a>
    <${Button} look="danger" onClick=${() => setDeleting(true)}>Delete</${Button}>
    ${deleting && html`<${Confirm} title=${`Delete the backup “${config.name}”?`} action="Delete" danger
      onClose=${() => setDeleting(false)} onConfirm=${remove}>
      <p>It runs no more. What is stored already is kept, and its restore points stay on the list of runs.</p>
    </${Confirm}>`}
  </div>`;
}

function WhyFailed({ run }) {
  if (!['failed', 'lost'].includes(run?.status)) return null;
  const why = run.errors?.[0]?.message;
  return html`<${Notice} tone="bad" icon="cross" text=${html`The <a href=${`/backups/${run.id}`}>last run</a> stored
    nothing. ${why && sentence(why)}`} />`;
}

function Host({ config }) {
  if (config.agentId) return html`<a href=${`/agents/${config.agentId}`}>${config.agentName ?? 'its host'}</a>`;
  return config.executionMode === 'server' ? 'the server’s own host' : html`<span class="muted">none</span>`;
}

function About({ config }) {
  const run = config.lastRun;
  return html`<section class="panel" aria-labelledby="facts-title">
    <h2 id="facts-title" class="sr">Facts</h2>
    ${isMoving(run) && html`<${RunProgress} run=${run} />`}
    <${Facts}>
      <${Fact} label="Host"><${Host} config=${config} /></${Fact}>
      <${Fact} label="Next run"><${NextRun} config=${config} /></${Fact}>
      <${Fact} label="Last run"><${LastRun} config=${config} /></${Fact}>
      <${Fact} label="Last proven restorable"><${Proven} config=${config} /></${Fact}>
      <${Fact} label="Stored">${formatBytes(config.storedBytes)}</${Fact}>
      <${Fact} label="How">${describePacking(config.options)}</${Fact}>
      <${Fact} label="Covers" wide>${config.sources.map(({ path }) => html`<code key=${path}>${path}</code> `)}</${Fact}>
      ${config.options.excludes?.length > 0 && html`<${Fact} label="Leaves out" wide>
        ${config.options.excludes.map((each) => html`<code key=${each}>${each}</code> `)}</${Fact}>`}
    </${Facts}>
  </section>`;
}
