// One backup run: what it did, and each file that gave trouble.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { RunState } from '../components/badge.js';
import { CopyBlock } from '../components/copy.js';
import { Fact, Facts } from '../components/facts.js';
import { LoadError } from '../components/notice.js';
import { Panel } from '../components/panel.js';
import { AgentLink, RunProgress, configName } from '../components/runs.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { formatBytes, formatCount, formatDuration, plural } from '../format.js';
import { usePoll } from '../poll.js';

// A finished run does not change: look once.
const everyMs = (data) => (data && data.run.status !== 'running' ? 0 : 2000);

export function RunPage({ id, title }) {
  const url = `/api/runs/${encodeURIComponent(id)}`;
  const poll = usePoll((signal) => api(url, { signal }), [url], everyMs);
  const run = poll.data?.run;
  if (!run) {
    return html`<${NotThere} poll=${poll} title=${title} what="run"><a href="/backups">Show all runs</a></${NotThere}>`;
  }
  const name = configName(run);
  const heading = html`${name} <span class="muted">on</span> <${AgentLink} run=${run} look="quiet" />`;
  return html`<div>
    <${Crumbs} href="/backups" label="Backups" here=${name} />
    <${PageHead} title=${`${name} on ${run.agentName}`} heading=${heading}><${RunState} value=${run.status} /></${PageHead}>
    <${LoadError} error=${poll.error} stale onRetry=${poll.refresh} />
    <${RunFacts} run=${run} />
    <${Errors} run=${run} />
    ${['completed', 'warning'].includes(run.status) && html`<${Restore} run=${run} />`}
  </div>`;
}

function RunFacts({ run }) {
  return html`<section class="panel" aria-labelledby="facts-title">
    <h2 id="facts-title" class="sr">Facts</h2>
    ${run.status === 'running' && html`<${RunProgress} run=${run} />`}
    <${Facts}>
      <${Fact} label="Started"><${Time} ms=${run.started_ms} /></${Fact}>
      <${Fact} label="Finished"><${Time} ms=${run.finished_ms} none="not yet" /></${Fact}>
      <${Fact} label="Took">${formatDuration(run.duration_ms)}</${Fact}>
      <${Fact} label="Files">${formatCount(run.filesProcessed)}</${Fact}>
      <${Fact} label="Read">${formatBytes(run.bytesRead)}</${Fact}>
      <${Fact} label="Stored">${formatBytes(run.size ?? run.bytesTransferred)}</${Fact}>
      <${Fact} label="Errors">${formatCount(run.errorCount)}</${Fact}>
      <${Fact} label="File" wide><code>${run.filename}</code></${Fact}>
      ${run.sha256 && html`<${Fact} label="SHA-256" wide><code>${run.sha256}</code></${Fact}>`}
    </${Facts}>
  </section>`;
}

const ERROR_COLUMNS = [
  {
    name: 'path', head: 'File',
    cell: (error) => (error.path ? html`<code>${error.path}</code>` : html`<span class="muted">the run itself</span>`),
  },
  { name: 'message', head: 'What happened', cell: (error) => error.message },
];

function Errors({ run }) {
  const rows = (run.errors ?? []).map((error, n) => ({ ...error, n }));
  if (!run.errorCount && !rows.length) return null;
  const missing = run.errorCount - rows.length;
  return html`<${Panel} id="errors" title=${run.status === 'failed' ? 'Why it failed' : 'Files with trouble'}
    aside=${html`<span class="count">${formatCount(run.errorCount)}</span>`}>
    <${Table} label="Errors" columns=${ERROR_COLUMNS} rows=${rows} rowKey=${(error) => error.n} />
    ${missing > 0 && html`<p class="more muted">and ${plural(missing, 'more error')}; the agent's events name them</p>`}
  </${Panel}>`;
}

function Restore({ run }) {
  return html`<${Panel} id="restore" title="Restore">
    <p>Run this on the host, as root. The files go into a directory of their own under the agent's
      state; <code>--target DIR</code> names another, which RESTORE_ROOTS in its agent.conf must allow.</p>
    <${CopyBlock} id="restore-command" label="Command" text=${`muster-agent restore --log-id ${run.id}`} />
  </${Panel}>`;
}
