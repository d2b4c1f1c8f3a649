// The page people leave open: is the fleet well, are backups being made, does anything need me.
import { html, useState } from '/vendor/preact.js';
import { api, may, session } from '../api.js';
import { Alerts } from '../components/alerts.js';
import { AGENT_STATES } from '../components/badge.js';
import { DaysChart } from '../components/days-chart.js';
import { FleetList } from '../components/fleet-list.js';
import { Empty, LoadError } from '../components/notice.js';
import { Panel, Remote } from '../components/panel.js';
import { RolloutList } from '../components/rollout-list.js';
import { RunList, runsEveryMs } from '../components/runs.js';
import { Legend, StackedBar } from '../components/stacked-bar.js';
import { StateTiles } from '../components/state-tiles.js';
import { Time } from '../components/time.js';
import { PageHead } from '../components/title.js';
import { VersionChart } from '../components/version-chart.js';
import { formatCount } from '../format.js';
import { later } from '../later.js';
import { usePoll } from '../poll.js';
import { isOver, rolloutsEveryMs } from '../rollout.js';
import { useStore } from '../store.js';

const LATEST = 6;
const ROLLOUTS = 4;
const VERSIONS = 6;
const ROWS = 25;

const FirstSteps = later(() => import('../components/first-steps.js'), 'FirstSteps', { quiet: true });

export function OverviewPage({ title }) {
  const { data, error, refresh } = usePoll((signal) => api('/api/overview', { signal }), [], 5000, ['agents', 'runs', 'alerts']);
  return html`<${PageHead} title=${title} />
    <${LoadError} error=${error} stale=${data} onRetry=${refresh} />
    ${may('admin') && data && html`<${Beginning} overview=${data} />`}
    <${StateTiles} counts=${data?.agents} />
    <${Alerts} />
    <div class="glances">
      <${BackupGlance} backups=${data?.backups} days=${data?.days} />
      <${FleetGlance} overview=${data} />
      <${RolloutGlance} />
    </div>
    <div class="split">
      <${FleetList} overview=${data} size=${ROWS} />
      <div class="side"><${LatestRuns} /></div>
    </div>`;
}

// Until it is done, or put aside in this browser.
function Beginning({ overview }) {
  const me = useStore(session);
  const key = `muster.first-steps.aside.${me.user.id}`;
  const [aside, setAside] = useState(() => localStorage.getItem(key) === 'yes');
  const putAside = () => {
    localStorage.setItem(key, 'yes');
    setAside(true);
  };
  return !aside && html`<${FirstSteps} me=${me} overview=${overview} onAside=${putAside} />`;
}

function BackupGlance({ backups, days }) {
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
    ${days && html`<${DaysChart} days=${days} />`}
  </${Panel}>`;
}

// The states as one bar, and which versions there are.
function FleetGlance({ overview }) {
  const parts = Object.entries(AGENT_STATES).map(([name, { label, tone }]) => ({
    name, label, tone, count: overview?.agents[name] ?? 0,
  }));
  const versions = (overview?.versions ?? []).slice(0, VERSIONS);
  const more = (overview?.versions.length ?? 0) - versions.length;
  return html`<${Panel} id="health" title="Fleet" aside=${html`<a href="/agents">All agents</a>`}>
    <${StackedBar} parts=${parts} label="Agents by state" />
    <${Legend} parts=${parts} />
    ${versions.length > 0 && html`<${VersionChart} versions=${versions} />`}
    ${more > 0 && html`<p class="more muted">and ${formatCount(more)} more versions</p>`}
  </${Panel}>`;
}

function RolloutGlance() {
  const poll = usePoll((signal) => api(`/api/rollouts?limit=${ROLLOUTS}`, { signal }), [], rolloutsEveryMs, ['rollouts', 'releases']);
  const inOrder = (items) => [...items].sort((a, b) => isOver(a) - isOver(b)); // what moves stands first
  return html`<${Panel} id="glance-rollouts" title="Rollouts" aside=${html`<a href="/rollouts">All rollouts</a>`}>
    <${Remote} poll=${poll} what="the rollouts">${({ items }) => (items.length
      ? html`<${RolloutList} rollouts=${inOrder(items)} />`
      : html`<p class="muted">No rollout yet. A <a href="/releases">release</a> reaches agents by one.</p>`)}
    </${Remote}>
  </${Panel}>`;
}

function LatestRuns() {
  const poll = usePoll((signal) => api(`/api/runs?limit=${LATEST}`, { signal }), [], runsEveryMs, ['runs']);
  return html`<${Panel} id="latest" title="Latest runs" aside=${html`<a href="/backups">All runs</a>`}>
    <${Remote} poll=${poll} what="the runs">${({ items }) => (items.length
      ? html`<${RunList} runs=${items} />`
      : html`<${Empty} icon="archive" title="No backup has run yet.">
        ${may('operator') ? 'Open an agent and add a backup to it.' : 'Ask an operator to add one.'}</${Empty}>`)}
    </${Remote}>
  </${Panel}>`;
}
