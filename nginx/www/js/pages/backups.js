// Backups of the fleet: what is configured and how each fares, what is stored, and every run.
import { html } from '/vendor/preact.js';
import { may } from '../api.js';
import { RUN_STATES } from '../components/badge.js';
import { ConfigTable } from '../components/config-table.js';
import { Export, Filters } from '../components/filters.js';
import { Empty } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { RunTable, runsEveryMs } from '../components/runs.js';
import { Storage } from '../components/storage.js';
import { PageHead } from '../components/title.js';
import { plural } from '../format.js';
import { useList } from '../list.js';
import { useQuery, withQuery } from '../router.js';

const PAGE_SIZE = 25;
const CONFIGS_SHOWN = 50;

export function BackupsPage({ title }) {
  return html`<div>
    <${PageHead} title=${title}>
      ${may('operator') && html`<div class="actions"><a href="/configs/new" role="button" class="small">Add a backup</a></div>`}
    </${PageHead}>
    <${Configs} />
    <${Storage} />
    <${Runs} />
  </div>`;
}

function Configs() {
  const list = useList('/api/configs', { prefix: 'c.', sort: 'name', size: CONFIGS_SHOWN, topics: ['configs', 'runs'] });
  const { poll } = list;
  const aside = html`<span class="aside"><span class="muted">${poll.data && plural(poll.data.total, 'backup')}</span>
    <${Export} list=${list} what="the backups" /></span>`;
  const many = list.filtered || poll.data?.total > 5;
  return html`<${Panel} id="configs" title="What is backed up" aside=${aside}>
    ${many && html`<${Filters} list=${list} what="the backups" search="Search backup or host" />`}
    <${Remote} poll=${poll} what="the backups">${({ items, total }) => html`
      ${items.length
        ? html`<${ConfigTable} configs=${items} busy=${poll.loading} sorting=${list.sorting} onChange=${poll.refresh} />`
        : html`<${NoConfigs} filtered=${list.filtered} />`}
      <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="backups" />`}
    </${Remote}>
  </${Panel}>`;
}

function NoConfigs({ filtered }) {
  if (filtered) return html`<${Empty} icon="archive" title="No backup matches." />`;
  return html`<${Empty} icon="archive" title="Nothing is backed up yet.">
    ${may('operator') ? html`<a href="/configs/new">Add a backup</a>: choose a host and name its directories.`
      : 'Ask an operator to add a backup.'}
  </${Empty}>`;
}

function Runs() {
  const list = useList('/api/runs', {
    filters: ['q', 'status'], sort: 'started', order: 'desc', size: PAGE_SIZE, everyMs: runsEveryMs, topics: ['runs'],
  });
  const { poll, chosen } = list;
  const aside = html`<span class="aside"><span class="muted" role="status">${poll.data && plural(poll.data.total, 'run')}</span>
    <${Export} list=${list} what="the runs" /></span><${Choices} status=${chosen.status} />`;
  return html`<${Panel} id="runs" title="Runs" aside=${aside}>
    <${Filters} list=${list} what="the runs" search="Search backup, host or id" />
    <${Remote} poll=${poll} what="the runs">${({ items, total }) => html`
      ${items.length
        ? html`<${RunTable} label="Backup runs" runs=${items} busy=${poll.loading} sorting=${list.sorting} />`
        : html`<${NoRuns} status=${chosen.status || chosen.q} />`}
      <${Pager} total=${total} size=${list.size} page=${list.page} what="runs" />`}
    </${Remote}>
  </${Panel}>`;
}

function Choices({ status }) {
  const [query] = useQuery();
  const choice = (value, label) => html`<a href=${withQuery('/backups', { ...query, page: '', status: value })} key=${value}
    aria-current=${value === status ? 'true' : undefined}>${label}</a>`;
  return html`<nav class="choices" aria-label="Runs by state">
    ${choice('', 'All')}${Object.entries(RUN_STATES).map(([value, { label }]) => choice(value, label))}
  </nav>`;
}

function NoRuns({ status }) {
  if (status) {
    return html`<${Empty} icon="archive" title="No run in this state."><a href="/backups">Show all runs</a></${Empty}>`;
  }
  return html`<${Empty} icon="archive" title="No backup has run yet.">
    Choose “Back up now” at one of the backups above, or wait until one is due.
  </${Empty}>`;
}
