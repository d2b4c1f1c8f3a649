// One backup run: how far it is or what became of it, each file that gave trouble, and what is inside.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { RunState } from '../components/badge.js';
import { Browse, ProblemFiles } from '../components/browse.js';
import { Button } from '../components/button.js';
import { Confirm } from '../components/dialog.js';
import { Fact, Facts } from '../components/facts.js';
import { LoadError, Notice } from '../components/notice.js';
import { Panel } from '../components/panel.js';
import { Proof } from '../components/proof.js';
import { AgentLink, RunProgress, configName } from '../components/runs.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { toast } from '../components/toast.js';
import { formatBytes, formatCount, formatDuration, plural } from '../format.js';
import { usePoll } from '../poll.js';
import { navigate } from '../router.js';

const moves = (run) => ['queued', 'running'].includes(run.status);
const isGood = (run) => ['completed', 'warning'].includes(run.status) && !run.deleted_ms;

// A run that has ended hardly changes: it may be proven, or deleted.
const everyMs = (data) => (data && !moves(data.run) ? 30000 : 2000);

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
    <${Crumbs} href=${run.configId ? `/configs/${run.configId}` : '/backups'} label=${run.configId ? name : 'Backups'} here="Run" />
    <${PageHead} title=${`${name} on ${run.agentName}`} heading=${heading}><${RunState} value=${run.status} />
      ${may('operator') && html`<${Actions} run=${run} url=${url} onChange=${poll.refresh} />`}
    </${PageHead}>
    <${LoadError} error=${poll.error} stale onRetry=${poll.refresh} />
    <${Remarks} run=${run} />
    <${RunFacts} run=${run} />
    <${Errors} run=${run} />
    ${isGood(run) && html`<${Panel} id="inside" title="What is inside"><${Browse} runId=${run.id} /></${Panel}>`}
  </div>`;
}

function Actions({ run, url, onChange }) {
  const [asking, setAsking] = useState(false);
  const cancel = async () => {
    await api(`${url}/cancel`, { method: 'POST' });
    toast('The run is cancelled.');
    onChange();
  };
  const prove = async () => {
    try {
      const { job } = await api(`${url}/verify`, { method: 'POST', body: {} });
      navigate(`/jobs/${job.id}`);
    } catch (cause) {
      toast(cause.message, 'bad');
    }
  };
  return html`<div class="actions">
    ${isGood(run) && html`<a role="button" class="small" href=${`/backups/${run.id}/restore`}>Restore</a>
      <${Button} look="quiet" icon="shield" onClick=${prove}>Prove it now</${Button}>`}
    ${moves(run) && html`<${Button} look="danger" onClick=${() => setAsking(true)}>Cancel</${Button}>`}
    ${asking && html`<${Confirm} title="Cancel this run?" action="Cancel the run" danger onClose=${() => setAsking(false)} onConfirm=${cancel}>
      <p>What it has stored so far is removed. Backups that are complete stay as they are.</p>
    </${Confirm}>`}
  </div>`;
}

const THAW = {
  archived: 'It lies in the store’s archive: a restore fetches it first, which takes hours.',
  asked: 'The store fetches it from its archive. A restore that waits goes on by itself.',
};

function Remarks({ run }) {
  if (run.deleted_ms) {
    return html`<${Notice} tone="calm" icon="skip" text=${html`Deleted <${Time} ms=${run.deleted_ms} />: ${run.deletedReason || 'retention'}.`} />`;
  }
  if (run.verifyError) return html`<${Notice} tone="bad" icon="warning" text=${`It could not be read back: ${run.verifyError}`} />`;
  return THAW[run.thaw] ? html`<${Notice} tone="calm" icon="clock" text=${THAW[run.thaw]} />` : null;
}

const ORIGINS = { schedule: 'its schedule', person: 'a person', agent: 'the host itself' };

function kindOf(run) {
  if (run.type === 'incremental') return `incremental, number ${run.chainSeq} of its chain`;
  return run.fullReason ? `full: ${run.fullReason}` : 'full';
}

function RunFacts({ run }) {
  return html`<section class="panel" aria-labelledby="facts-title">
    <h2 id="facts-title" class="sr">Facts</h2>
    ${moves(run) && html`<${RunProgress} run=${run} />`}
    <${Facts}>
      <${Fact} label="Started"><${Time} ms=${run.started_ms} /></${Fact}>
      <${Fact} label="Finished"><${Time} ms=${run.finished_ms} none="not yet" /></${Fact}>
      <${Fact} label="Took">${formatDuration(run.duration_ms)}</${Fact}>
      <${Fact} label="Wanted by">${ORIGINS[run.origin] ?? '–'}</${Fact}>
      <${Fact} label="Kind">${kindOf(run)}</${Fact}>
      <${Fact} label="Files stored">${formatCount(run.filesProcessed)}</${Fact}>
      <${Fact} label="Files there">${formatCount(run.listedFiles ?? run.filesProcessed)}</${Fact}>
      <${Fact} label="Read">${formatBytes(run.bytesRead)}</${Fact}>
      <${Fact} label="Stored">${formatBytes(run.size ?? run.bytesTransferred)}</${Fact}>
      <${Fact} label="Encrypted">${run.encrypted ? 'yes, by the host' : 'no'}</${Fact}>
      ${isGood(run) && html`<${Fact} label="Proof"><${Proof} run=${run} /></${Fact}>`}
      ${run.filename && html`<${Fact} label="File" wide><code>${run.filename}</code></${Fact}>`}
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

// "3 unreadable, 1 vanished"
function countKinds(run) {
  const kinds = [[run.unreadable, 'unreadable'], [run.vanished, 'vanished'], [run.changed, 'changed while read'], [run.skipped, 'left out']];
  return kinds.filter(([count]) => count > 0).map(([count, word]) => `${formatCount(count)} ${word}`).join(', ');
}

function Errors({ run }) {
  const [all, setAll] = useState(false);
  const rows = (run.errors ?? []).map((error, n) => ({ ...error, n }));
  const kinds = countKinds(run);
  if (!run.errorCount && !rows.length && !kinds) return null;
  const title = ['failed', 'lost', 'cancelled'].includes(run.status) ? 'Why it ended' : 'Files with trouble';
  return html`<${Panel} id="errors" title=${title} aside=${html`<span class="muted">${kinds}</span>
    <span class="count">${formatCount(run.errorCount)}</span>`}>
    ${rows.length > 0 && html`<${Table} label="Errors" columns=${ERROR_COLUMNS} rows=${rows} rowKey=${(error) => error.n} />`}
    ${run.errorCount > rows.length && html`<p class="more muted">and ${plural(run.errorCount - rows.length, 'more error')}</p>`}
    ${run.indexed && (all ? html`<${ProblemFiles} runId=${run.id} />`
      : html`<p class="more"><${Button} look="quiet" onClick=${() => setAll(true)}>Show every such file</${Button}></p>`)}
  </${Panel}>`;
}
