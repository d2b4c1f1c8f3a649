// Every backup run of the fleet.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { RUN_STATES } from '../components/badge.js';
import { Empty } from '../components/notice.js';
import { Pager, pageOf } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { RunTable, runsEveryMs } from '../components/runs.js';
import { PageHead } from '../components/title.js';
import { plural } from '../format.js';
import { usePoll } from '../poll.js';
import { useQuery, withQuery } from '../router.js';

const PAGE_SIZE = 50;

export function BackupsPage({ title }) {
  const [query] = useQuery();
  const page = pageOf(query);
  const status = query.status ?? '';
  const url = withQuery('/api/runs', { status, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE });
  const poll = usePoll((signal) => api(url, { signal }), [url], runsEveryMs);
  const aside = html`<span class="muted" role="status">${poll.data && plural(poll.data.total, 'run')}</span>
    <${Choices} status=${status} />`;
  return html`<${PageHead} title=${title} />
    <${Panel} id="runs" title="Runs" aside=${aside}>
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
    <a href="/agents">Open an agent</a> and add a backup to it.
  </${Empty}>`;
}
