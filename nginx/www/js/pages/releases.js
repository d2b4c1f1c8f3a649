// What has been published, who runs what, and which rollouts are under way.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { Export, Filters } from '../components/filters.js';
import { Empty } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { RolloutList } from '../components/rollout-list.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { ReleaseState } from '../components/update-badge.js';
import { UpdatesHead } from '../components/updates-head.js';
import { VersionChart } from '../components/version-chart.js';
import { formatBytes, formatCount, plural } from '../format.js';
import { useList } from '../list.js';
import { usePoll } from '../poll.js';
import { isOver, rolloutsEveryMs } from '../rollout.js';
import { withQuery } from '../router.js';

const LATEST = 5;

export function ReleasesPage({ title }) {
  const list = useList('/api/releases', { filters: ['q', 'status'], sort: 'created', order: 'desc', topics: ['releases'] });
  const { poll } = list;
  // Which is the newest is not a question of what is shown.
  const newest = usePoll((signal) => api('/api/releases?limit=200', { signal }), [], 5000, ['releases']);
  const aside = html`<span class="aside"><span class="muted" role="status">${poll.data && plural(poll.data.total, 'release')}</span>
    <${Export} list=${list} what="the releases" /></span>`;
  return html`<${UpdatesHead} title=${title} />
    <div class="split main-first">
      <${Panel} id="releases" title="Releases" aside=${aside}>
        <${Filters} list=${list} what="the releases" search="Search version or notes"
          choices=${[{ name: 'status', label: 'State', all: 'Any state', options: STATES }]} />
        <${Remote} poll=${poll} what="the releases">${({ items, total }) => html`
          ${items.length
            ? html`<${Table} label="Releases" columns=${COLUMNS} rows=${items} rowKey=${(release) => release.version}
                busy=${poll.loading} sorting=${list.sorting} />`
            : list.filtered ? html`<${Empty} icon="tag" title="No release matches." />` : html`<${NoRelease} />`}
          <${Pager} total=${total} size=${list.size} page=${list.page} what="releases" />`}
        </${Remote}>
      </${Panel}>
      <div class="side"><${WhoRunsWhat} releases=${newest.data?.items} /><${LatestRollouts} /></div>
    </div>`;
}

const STATES = [['staged', 'Staged'], ['published', 'Published'], ['withdrawn', 'Withdrawn']];

const COLUMNS = [
  {
    name: 'name', head: 'Version', sort: 'version',
    cell: (release) => html`<a class="strong" href=${`/releases/${release.version}`}>${release.version}</a>
      <small class="muted">${firstLine(release.changelog)}</small>`,
  },
  { name: 'status', head: 'State', sort: 'status', cell: (release) => html`<${ReleaseState} value=${release.status} />` },
  { name: 'channel', head: 'Channel', sort: 'channel', cell: (release) => release.channel },
  { name: 'published', head: 'Published', sort: 'published', cell: (release) => html`<${Time} ms=${release.published_ms} none="not yet" />` },
  { name: 'size', head: 'Size', sort: 'size', cell: (release) => formatBytes(release.size) },
  { name: 'agents', head: 'Run by', cell: (release) => html`<${RunBy} release=${release} />` },
];

const firstLine = (changelog) => (changelog ?? '').trim().split('\n')[0].replace(/^[#*\s-]+/, '');

function RunBy({ release: { version, agents } }) {
  if (!agents) return html`<span class="muted">nobody</span>`;
  return html`<a href=${withQuery('/agents', { version })}>${plural(agents, 'agent')}</a>`;
}

function NoRelease() {
  return html`<${Empty} icon="tag" title="No release yet.">
    A release is made and signed on the command line: <code>muster-app release create</code> begins it,
    and <code>muster-app release publish</code> gives it to agents.
  </${Empty}>`;
}

function WhoRunsWhat({ releases }) {
  const poll = usePoll((signal) => api('/api/overview', { signal }), [], 5000, ['agents']);
  const total = poll.data?.agents.total;
  const newest = releases?.find((release) => release.status === 'published' && release.channel === 'stable');
  const aside = total > 0 && html`<span class="muted">${formatCount(total)} in all</span>`;
  return html`<${Panel} id="fleet-versions" title="Who runs what" aside=${aside}>
    <${Remote} poll=${poll} what="the versions">${({ versions }) => (versions.length
      ? html`<${VersionChart} versions=${versions} releases=${releases} current=${newest?.version} />`
      : html`<p class="muted">No agent has reported its version yet.</p>`)}
    </${Remote}>
  </${Panel}>`;
}

function LatestRollouts() {
  const poll = usePoll((signal) => api(`/api/rollouts?limit=${LATEST}`, { signal }), [], rolloutsEveryMs);
  const aside = html`<a href="/rollouts">All rollouts</a>`;
  const inOrder = (items) => [...items].sort((a, b) => isOver(a) - isOver(b)); // what moves stands first
  return html`<${Panel} id="latest-rollouts" title="Latest rollouts" aside=${aside}>
    <${Remote} poll=${poll} what="the rollouts">${({ items }) => (items.length
      ? html`<${RolloutList} rollouts=${inOrder(items)} />`
      : html`<p class="muted">No rollout yet. A published release reaches agents by one.</p>`)}
    </${Remote}>
  </${Panel}>`;
}
