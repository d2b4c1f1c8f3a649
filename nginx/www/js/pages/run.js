// One backup run: what it did, and each file that gave trouble.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { RunState } from '../components/badge.js';
import { CopyBlock } from '../components/copy.js';
import { Icon } from '../components/icon.js';
import { Empty, LoadError, Loading } from '../components/notice.js';
import { RunProgress } from '../components/runs.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { useTitle } from '../components/title.js';
import { formatBytes, formatCount, formatDuration, plural } from '../format.js';
import { usePoll } from '../poll.js';

const ERROR_COLUMNS = [
  { name: 'path', head: 'File', cell: (error) => (error.path ? html`<code>${error.path}</code>` : html`<span class="muted">the run itself</span>`) },
  { name: 'message', head: 'What happened', cell: (error) => error.message },
];

export function RunPage({ id, title }) {
  const url = `/api/runs/${encodeURIComponent(id)}`;
  // A finished run does not change: look once.
  const { data, error, refresh } = usePoll((signal) => api(url, { signal }), [url], (loaded) => (loaded && loaded.run.status !== 'running' ? 0 : 2000));
  const run = data?.run;
  const name = run?.configName || 'deleted configuration';
  useTitle(run ? `${name} on ${run.agentName}` : title);
  if (!run) {
    if (error?.status === 404) {
      return html`<h1>No such run</h1><section class="panel"><${Empty} icon="archive" title="This run is not here any more, or it is not yours to see."><a href="/backups">Show all runs</a></${Empty}></section>`;
    }
    return html`<h1>${title}</h1>${error ? html`<${LoadError} error=${error} onRetry=${refresh} />` : html`<${Loading} what="the run" />`}`;
  }
  return html`
    <nav aria-label="Breadcrumb" class="crumbs"><a href="/backups">Backups</a><${Icon} name="next" /><span aria-current="page">${name}</span></nav>
    <header class="page-head"><h1>${name} <span class="muted">on</span> ${run.agentId ? html`<a class="quiet" href=${`/agents/${run.agentId}`}>${run.agentName}</a>` : run.agentName || 'a deleted agent'}</h1><${RunState} value=${run.status} /></header>
    <${LoadError} error=${error} stale onRetry=${refresh} />
    <${Facts} run=${run} />
    <${Errors} run=${run} />
    ${['completed', 'warning'].includes(run.status) && html`<section class="panel" aria-labelledby="restore-title">
      <header class="panel-head"><h2 id="restore-title">Restore</h2></header>
      <p>Run this on the host, as root. The files go into a directory of their own under the agent's state; <code>--target DIR</code> names another, which RESTORE_ROOTS in its agent.conf must allow.</p>
      <${CopyBlock} id="restore-command" label="Command" text=${`muster-agent restore --log-id ${run.id}`} />
    </section>`}`;
}

function Facts({ run }) {
  const fact = (label, value, wide) => html`<div class=${wide ? 'wide' : ''}><dt>${label}</dt><dd>${value}</dd></div>`;
  return html`<section class="panel" aria-labelledby="facts-title">
    <h2 id="facts-title" class="sr">Facts</h2>
    ${run.status === 'running' && html`<${RunProgress} run=${run} />`}
    <dl class="facts">
      ${fact('Started', html`<${Time} ms=${run.started_ms} />`)}
      ${fact('Finished', html`<${Time} ms=${run.finished_ms} none="not yet" />`)}
      ${fact('Took', formatDuration(run.duration_ms))}
      ${fact('Files', formatCount(run.filesProcessed))}
      ${fact('Read', formatBytes(run.bytesRead))}
      ${fact('Stored', formatBytes(run.size ?? run.bytesTransferred))}
      ${fact('Errors', formatCount(run.errorCount))}
      ${fact('File', html`<code>${run.filename}</code>`, true)}
      ${run.sha256 && fact('SHA-256', html`<code>${run.sha256}</code>`, true)}
    </dl>
  </section>`;
}

function Errors({ run }) {
  const errors = run.errors ?? [];
  if (!run.errorCount && !errors.length) return null;
  const missing = run.errorCount - errors.length;
  return html`<section class="panel" aria-labelledby="errors-title">
    <header class="panel-head"><h2 id="errors-title">${run.status === 'failed' ? 'Why it failed' : 'Files with trouble'}</h2><span class="count">${formatCount(run.errorCount)}</span></header>
    <${Table} label="Errors" columns=${ERROR_COLUMNS} rows=${errors.map((error, n) => ({ ...error, n }))} rowKey=${(error) => error.n} />
    ${missing > 0 && html`<p class="more muted">and ${plural(missing, 'more error')}; the agent's events name them</p>`}
  </section>`;
}
