// The page people leave open: is the fleet well, are backups being made, does anything need me.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { Alerts } from '../components/alerts.js';
import { FleetList } from '../components/fleet-list.js';
import { Empty, LoadError } from '../components/notice.js';
import { Panel, Remote } from '../components/panel.js';
import { RunList, runsEveryMs } from '../components/runs.js';
import { StateTiles } from '../components/state-tiles.js';
import { Time } from '../components/time.js';
import { PageHead } from '../components/title.js';
import { formatCount } from '../format.js';
import { usePoll } from '../poll.js';

const LATEST = 6;

export function OverviewPage({ title }) {
  const { data, error, refresh } = usePoll((signal) => api('/api/overview', { signal }), []);
  return html`<${PageHead} title=${title} />
    <${LoadError} error=${error} stale=${data} onRetry=${refresh} />
    <${StateTiles} counts=${data?.agents} />
    <${Alerts} />
    <div class="split">
      <${FleetList} overview=${data} />
      <div class="side"><${BackupGlance} backups=${data?.backups} /><${LatestRuns} /></div>
    </div>`;
}

function BackupGlance({ backups }) {
  const count = (label, value, tone, status) => html`
    <a href=${`/backups?status=${status}`} class=${`fact ${value ? tone : ''}`}>
      <span>${label}</span><strong>${value === undefined ? '–' : formatCount(value)}</strong>
    </a>`;
  return html`<${Panel} id="glance" title="Backups" aside=${html`<span class="muted">last 24 hours</span>`}>
    <div class="facts-row">
      ${count('Running', backups?.running, 'busy', 'running')}
      ${count('Completed', backups?.completed_24h, 'good', 'completed')}
      ${count('Warning', backups?.warning_24h, 'warn', 'warning')}
      ${count('Failed', backups?.failed_24h, 'bad', 'failed')}
    </div>
    <p class="more">Last completed: <${Time} ms=${backups?.lastCompleted_ms} none=${backups ? 'none yet' : '–'} /></p>
  </${Panel}>`;
}

function LatestRuns() {
  const poll = usePoll((signal) => api(`/api/runs?limit=${LATEST}`, { signal }), [], runsEveryMs);
  return html`<${Panel} id="latest" title="Latest runs" aside=${html`<a href="/backups">All runs</a>`}>
    <${Remote} poll=${poll} what="the runs">${({ items }) => (items.length
      ? html`<${RunList} runs=${items} />`
      : html`<${Empty} icon="archive" title="No backup has run yet.">Open an agent and add a backup to it.</${Empty}>`)}
    </${Remote}>
  </${Panel}>`;
}
