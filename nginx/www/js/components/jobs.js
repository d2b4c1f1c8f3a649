// Restores and proofs: what was asked of which host, and how far it is.
import { html } from '/vendor/preact.js';
import { now } from '../clock.js';
import { formatBytes, formatDuration, plural } from '../format.js';
import { useList } from '../list.js';
import { Badge } from './badge.js';
import { Button } from './button.js';
import { Export, Filters } from './filters.js';
import { Empty } from './notice.js';
import { Pager } from './pager.js';
import { Panel, Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';

export const JOB_STATES = {
  thawing: { label: 'Thawing', icon: 'clock', tone: 'busy', hint: 'the store fetches it from its archive' },
  queued: { label: 'Waiting for the host', icon: 'clock', tone: 'busy' },
  running: { label: 'Running', icon: 'clock', tone: 'busy' },
  completed: { label: 'Completed', icon: 'check', tone: 'good' },
  warning: { label: 'Warning', icon: 'warning', tone: 'warn' },
  failed: { label: 'Failed', icon: 'cross', tone: 'bad' },
  refused: { label: 'Refused by the host', icon: 'shield', tone: 'bad' },
  cancelled: { label: 'Cancelled', icon: 'pause', tone: 'calm' },
  lost: { label: 'Lost', icon: 'cross', tone: 'bad', hint: 'nothing was heard of it for too long' },
};

export const jobMoves = (job) => ['thawing', 'queued', 'running'].includes(job.status);
export const jobName = (job) => (job.kind === 'verify' ? 'Proof' : job.request?.dryRun ? 'Trial restore' : 'Restore');
export const JobState = ({ value }) => html`<${Badge} states=${JOB_STATES} value=${value} />`;

export function JobProgress({ job }) {
  if (job.status !== 'running') return null;
  const elapsedS = Math.max(1, (now() - job.started_ms) / 1000);
  const words = [plural(job.files, 'file'), formatBytes(job.bytes), `${formatBytes(job.bytes / elapsedS)}/s`];
  return html`<div class="progress">
    <progress aria-label=${`${jobName(job)} is running`} ...${job.percent === null ? {} : { value: job.percent, max: 100 }}></progress>
    <small>${words.join(' · ')}</small>
  </div>`;
}

const COLUMNS = [
  {
    name: 'config', head: 'What', sort: 'kind',
    cell: (job) => html`<a class="strong" href=${`/jobs/${job.id}`}>${jobName(job)}</a><${JobProgress} job=${job} />`,
  },
  { name: 'status', head: 'State', sort: 'status', cell: (job) => html`<${JobState} value=${job.status} />` },
  { name: 'agent', head: 'Host', sort: 'agent', cell: (job) => job.agentName || 'deleted agent' },
  { name: 'started', head: 'Asked', sort: 'created', cell: (job) => html`<${Time} ms=${job.created_ms} />` },
  { name: 'duration', head: 'Took', cell: (job) => formatDuration(job.finished_ms && job.started_ms ? job.finished_ms - job.started_ms : null) },
];

const KINDS = [['restore', 'Restores'], ['verify', 'Proofs']];
const CHOICES = [
  { name: 'kind', label: 'Restore or proof', all: 'Restores and proofs', options: KINDS },
  { name: 'status', label: 'State of the job', all: 'Any state', options: Object.entries(JOB_STATES).map(([state, { label }]) => [state, label]) },
];

export function JobList({ configId }) {
  const list = useList('/api/jobs', {
    prefix: 'job.', filters: ['q', 'kind', 'status'], sort: 'created', order: 'desc', size: 20, fixed: { configId }, topics: ['jobs', 'runs'],
    everyMs: (data) => (data?.items.some(jobMoves) ? 2000 : 5000),
  });
  const { poll } = list;
  if (poll.data && !poll.data.total && !list.filtered) return null;
  return html`<${Panel} id="jobs" title="Restores and proofs" aside=${html`<${Export} list=${list} what="the restores" />`}>
    ${(list.filtered || poll.data?.total > 5) && html`<${Filters} list=${list} what="the restores" search="Search host or id" choices=${CHOICES} />`}
    <${Remote} poll=${poll} what="the restores">${({ items, total }) => html`
      ${items.length
        ? html`<${Table} label="Restores and proofs" columns=${COLUMNS} rows=${items} rowKey=${(job) => job.id} busy=${poll.loading}
            sorting=${list.sorting} />`
        : html`<${Empty} icon="undo" title="Nothing matches."><${Button} onClick=${list.clear}>Clear the filters</${Button}></${Empty}>`}
      <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="restores" />`}
    </${Remote}>
  </${Panel}>`;
}
