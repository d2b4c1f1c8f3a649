// Backups of the fleet: what is configured and how each fares, what is stored, and every run.
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { RUN_STATES } from '../components/badge.js';
import { ConfigTable } from '../components/config-table.js';
import { Empty } from '../components/notice.js';
import { Pager, pageOf } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { RunTable, runsEveryMs } from '../components/runs.js';
import { Storage } from '../components/storage.js';
import { PageHead } from '../components/title.js';
import { plural } from '../format.js';
import { usePoll } from '../poll.js';
import { useQuery, withQuery } from '../router.js';

const PAGE_SIZE = 25;
const CONFIGS_SHOWN = 200;

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
  const poll = usePoll((signal) => api(`/api/configs?limit=${CONFIGS_SHOWN}`, { signal }), []);
  const aside = html`<span class="muted">${poll.data && plural(poll.data.total, 'backup')}</span>`;
  return html`<${Panel} id="configs" title="What is backed up" aside=${aside}>
    <${Remote} poll=${poll} what="the backups">${({ items, total }) => html`
      ${items.length ? html`<${ConfigTable} configs=${items} busy=${poll.loading} onChange=${poll.refresh} />`
        : html`<${Empty} icon="archive" title="Nothing is backed up yet.">
            ${may('operator') ? html`<a href="/configs/new">Add a backup</a>: choose a host and name its directories.`
              : 'Ask an operator to add a backup.'}
          </${Empty}>`}
      ${total > items.length && html`<p class="more muted">The first ${items.length} by name; the rest is on the pages of
        their <a href="/agents">agents</a>.</p>`}`}
    </${Remote}>
  </${Panel}>`;
}

function Runs() {
  const [query] = useQuery();
  const page = pageOf(query);
  const status = query.status ?? '';
  const url = withQuery('/api/runs', { status, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE });
  const poll = usePoll((signal) => api(url, { signal }), [url], runsEveryMs);
  const aside = html`<span class="muted" role="status">${poll.data && plural(poll.data.total, 'run')}</span>
    <${Choices} status=${status} />`;
  return html`<${Panel} id="runs" title="Runs" aside=${aside}>
    <${Remote} poll=${poll} what="the runs">${({ items, total }) => html`
      ${items.length
        ? html`<${RunTable} label="Backup runs" runs=${items} busy=${poll.loading} />`
        : html`<${NoRuns} status=${status} />`}
      <${Pager} total=${total} size=${PAGE_SIZE} page=${page} what="runs" />`}
    </${Remote}>
  </${Panel}>`;
}

function Choices({ status }) {
  const choice = (value, label) => html`<a href=${withQuery('/backups', { status: value })} key=${value}
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
