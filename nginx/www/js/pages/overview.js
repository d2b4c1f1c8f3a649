// The page people leave open: is the fleet well, are backups being made, does anything need me.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { Alerts } from '../components/alerts.js';
import { FleetList } from '../components/fleet-list.js';
import { Empty, LoadError, Loading } from '../components/notice.js';
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
  const fact = (label, value, tone, status) => html`<a href=${`/backups?status=${status}`} class=${`fact ${value ? tone : ''}`}>
    <span>${label}</span><strong>${value === undefined ? '–' : formatCount(value)}</strong></a>`;
  return html`<section class="panel glance" aria-labelledby="glance-title">
    <header class="panel-head"><h2 id="glance-title">Backups</h2><span class="muted">last 24 hours</span></header>
    <div class="facts-row">
      ${fact('Running', backups?.running, 'busy', 'running')}
      ${fact('Completed', backups?.completed_24h, 'good', 'completed')}
      ${fact('Warning', backups?.warning_24h, 'warn', 'warning')}
      ${fact('Failed', backups?.failed_24h, 'bad', 'failed')}
    </div>
    <p class="more">Last completed: <${Time} ms=${backups?.lastCompleted_ms} none=${backups ? 'none yet' : '–'} /></p>
  </section>`;
}

function LatestRuns() {
  const { data, error, refresh } = usePoll((signal) => api(`/api/runs?limit=${LATEST}`, { signal }), [], runsEveryMs);
  return html`<section class="panel" aria-labelledby="latest-title">
    <header class="panel-head"><h2 id="latest-title">Latest runs</h2><a href="/backups">All runs</a></header>
    <${LoadError} error=${error} stale=${data} onRetry=${refresh} />
    ${!data && !error && html`<${Loading} what="the runs" />`}
    ${data?.items.length === 0 && html`<${Empty} icon="archive" title="No backup has run yet.">Open an agent and add a backup to it.</${Empty}>`}
    ${data?.items.length > 0 && html`<${RunList} runs=${data.items} />`}
  </section>`;
}
