// Every backup run of the fleet.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { RUN_STATES } from '../components/badge.js';
import { Empty, LoadError, Loading } from '../components/notice.js';
import { Pager, pageOf } from '../components/pager.js';
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
  const { data, error, loading, refresh } = usePoll((signal) => api(url, { signal }), [url], runsEveryMs);
  const choice = (value, label) => html`<a href=${withQuery('/backups', { status: value })} aria-current=${value === status ? 'true' : undefined} key=${value}>${label}</a>`;
  return html`<${PageHead} title=${title} />
    <section class="panel" aria-labelledby="runs-title">
      <header class="panel-head"><h2 id="runs-title">Runs</h2><span class="muted" role="status">${data && plural(data.total, 'run')}</span>
        <nav class="choices" aria-label="Runs by state">${choice('', 'All')}${Object.entries(RUN_STATES).map(([value, { label }]) => choice(value, label))}</nav></header>
      <${LoadError} error=${error} stale=${data} onRetry=${refresh} />
      ${!data && !error && html`<${Loading} what="the runs" />`}
      ${data?.items.length > 0 && html`<${RunTable} label="Backup runs" runs=${data.items} busy=${loading} />`}
      ${data?.items.length === 0 && (status
        ? html`<${Empty} icon="archive" title="No run in this state."><a href="/backups">Show all runs</a></${Empty}>`
        : html`<${Empty} icon="archive" title="No backup has run yet."><a href="/agents">Open an agent</a> and add a backup to it.</${Empty}>`)}
      ${data && html`<${Pager} total=${data.total} size=${PAGE_SIZE} page=${page} what="runs" />`}
    </section>`;
}
