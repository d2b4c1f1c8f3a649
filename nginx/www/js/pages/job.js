// One restore or proof, while it goes on and after.
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { Button } from '../components/button.js';
import { Fact, Facts } from '../components/facts.js';
import { JobProgress, JobState, jobMoves, jobName } from '../components/jobs.js';
import { LoadError, Notice } from '../components/notice.js';
import { Panel } from '../components/panel.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { toast } from '../components/toast.js';
import { formatBytes, formatCount, plural, sentence } from '../format.js';
import { usePoll } from '../poll.js';

export function JobPage({ id, title }) {
  const url = `/api/jobs/${encodeURIComponent(id)}`;
  const poll = usePoll((signal) => api(url, { signal }), [url], (data) => (data && !jobMoves(data.job) ? 0 : 2000));
  const job = poll.data?.job;
  if (!job) return html`<${NotThere} poll=${poll} title=${title} what="restore"><a href="/backups">Show all backups</a></${NotThere}>`;
  const heading = `${jobName(job)} of ${job.configName || 'a deleted backup'}`;
  const cancel = async () => {
    await api(`${url}/cancel`, { method: 'POST' }).catch((cause) => toast(cause.message, 'bad'));
    poll.refresh();
  };
  return html`<div>
    <${Crumbs} href=${job.configId ? `/configs/${job.configId}` : '/backups'} label=${job.configName || 'Backups'} here=${jobName(job)} />
    <${PageHead} title=${heading}><${JobState} value=${job.status} />
      ${jobMoves(job) && may('operator') && html`<div class="actions"><${Button} look="danger" onClick=${cancel}>Cancel</${Button}></div>`}
    </${PageHead}>
    <${LoadError} error=${poll.error} stale onRetry=${poll.refresh} />
    <${Outcome} job=${job} />
    <section class="panel" aria-labelledby="facts-title">
      <h2 id="facts-title" class="sr">Facts</h2>
      <${JobProgress} job=${job} />
      <${Facts}>
        <${Fact} label="Host">${job.agentId ? html`<a href=${`/agents/${job.agentId}`}>${job.agentName}</a>` : 'deleted agent'}</${Fact}>
        <${Fact} label="Asked"><${Time} ms=${job.created_ms} /></${Fact}>
        <${Fact} label="Finished"><${Time} ms=${job.finished_ms} none="not yet" /></${Fact}>
        <${Fact} label="Files">${formatCount(job.files)}</${Fact}>
        <${Fact} label="Bytes">${formatBytes(job.bytes)}</${Fact}>
        <${Fact} label="From"><a href=${`/backups/${job.runId}`}>the run</a></${Fact}>
        ${job.kind === 'restore' && html`<${Fact} label="Into" wide>
          ${job.request.original ? 'where it came from' : html`<code>${job.request.target ?? 'a directory of its own'}</code>`}</${Fact}>`}
      </${Facts}>
    </section>
    <${Problems} job=${job} />
  </div>`;
}

const ENDS = {
  completed: ['good', 'check'], warning: ['warn', 'warning'], failed: ['bad', 'cross'], refused: ['bad', 'shield'],
  lost: ['bad', 'cross'], cancelled: ['calm', 'pause'], thawing: ['calm', 'clock'],
};

function Outcome({ job }) {
  const [tone, icon] = ENDS[job.status] ?? [];
  if (!tone) return null;
  const said = job.detail || (job.kind === 'verify' && job.status === 'completed' ? 'It was read back to its end: it can be restored' : '');
  return said ? html`<${Notice} tone=${tone} icon=${icon} text=${sentence(said)} />` : null;
}

const COLUMNS = [
  { name: 'path', head: 'File', cell: (row) => html`<code>${row.path ?? ''}</code>` },
  { name: 'message', head: 'What happened', cell: (row) => row.message },
];

function Problems({ job }) {
  const rows = (job.errors ?? []).map((row, n) => ({ ...row, n }));
  if (!rows.length) return null;
  const missing = job.errorCount - rows.length;
  const title = job.request?.dryRun ? 'What would happen' : 'Files with trouble';
  return html`<${Panel} id="errors" title=${title} aside=${html`<span class="count">${formatCount(job.errorCount)}</span>`}>
    <${Table} label=${title} columns=${COLUMNS} rows=${rows} rowKey=${(row) => row.n} />
    ${missing > 0 && html`<p class="more muted">and ${plural(missing, 'more')}; the host’s own events name them</p>`}
  </${Panel}>`;
}
