// The audit trail: who did what to what, and how it ended. The server searches and pages; the address holds all of it.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { FILTERS, exportUrl, nameOf, pick, plain } from '../audit.js';
import { AuditFilters } from '../components/audit-filters.js';
import { AuditMark } from '../components/audit-mark.js';
import { AuditRow, Result } from '../components/audit-row.js';
import { Button } from '../components/button.js';
import { Icon } from '../components/icon.js';
import { Empty } from '../components/notice.js';
import { Panel, Remote } from '../components/panel.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { PageHead } from '../components/title.js';
import { usePoll } from '../poll.js';
import { navigate, useQuery, withQuery } from '../router.js';

const PAGE_SIZE = 50;
const NEWEST_MS = 10000;

export function AuditPage({ title }) {
  const [query, change] = useQuery();
  const { before, after, order } = query;
  const url = withQuery('/api/audit', { ...pick(query), order, before, after, limit: PAGE_SIZE });
  // What is older than a row does not change.
  const poll = usePoll((signal) => api(url, { signal }), [url], before ? 0 : NEWEST_MS);
  const filtered = FILTERS.some((name) => query[name]);
  const filter = (patch) => change({ ...START, ...patch });
  const clear = () => filter(Object.fromEntries(FILTERS.map((name) => [name, ''])));
  const sorting = {
    by: 'time', order: order === 'asc' ? 'asc' : 'desc', change: (by, to) => filter({ order: to === 'asc' ? 'asc' : '' }),
  };
  const close = () => navigate(withQuery('/audit', { ...query, row: '' }));
  return html`<${PageHead} title=${title}>
      <div class="actions">
        <a href=${exportUrl(query)} download role="button" class="secondary outline small"><${Icon} name="download" />Export as JSON lines</a>
        <a href=${exportUrl(query, 'csv')} download role="button" class="secondary outline small" aria-label="Export as CSV"><${Icon} name="download" />CSV</a>
      </div>
    </${PageHead}>
    <div><${AuditMark} /></div>
    <${Panel} id="trail" title="The trail">
      <${AuditFilters} query=${query} change=${filter} onClear=${filtered && clear} />
      <${Remote} poll=${poll} what="the trail">${({ items, next }) => html`
        ${items.length
          ? html`<${Table} label="Audit trail" columns=${columns(query)} rows=${items} rowKey=${(row) => row.seq} busy=${poll.loading}
              sorting=${sorting} />`
          : html`<${Nothing} filtered=${filtered} next=${next} onClear=${clear} oldestFirst=${order === 'asc'} />`}
        <${Steps} query=${query} next=${next} />`}
      </${Remote}>
    </${Panel}>
    ${query.row && html`<${AuditRow} key=${query.row} seq=${query.row} onClose=${close} />`}`;
}

// The first page of the list, and no row of it open.
const START = { before: '', after: '', row: '' };

const narrowed = (query, patch) => withQuery('/audit', { ...query, ...START, ...patch });

function columns(query) {
  const to = (patch, label, what) => html`<a class="quiet" href=${narrowed(query, patch)}
    title=${`Show only ${what}`}><bdi>${label}</bdi></a>`;
  return [
    { name: 'when', head: 'When', sort: 'time', cell: (row) => html`<${Time} ms=${row.time_ms} as="stamp" />` },
    { name: 'who', head: 'Who', cell: (row) => to({ actor: row.actor }, nameOf(row.actor, row.actorName), 'what they did') },
    { name: 'act', head: 'Act', cell: (row) => to({ action: row.action }, plain(row.action), 'this act') },
    { name: 'on', head: 'On', cell: (row) => row.target && to({ target: row.target }, nameOf(row.target, row.targetName), 'what was done to it') },
    { name: 'status', head: 'Result', cell: (row) => html`<${Result} value=${row.result} />` },
    { name: 'from', head: 'From', cell: (row) => row.address && to({ address: row.address }, plain(row.address), 'what came from there') },
    {
      name: 'row', head: 'Row',
      cell: (row) => html`<a href=${withQuery('/audit', { ...query, row: row.seq })}
        aria-label=${`Row ${row.seq}: ${plain(row.action)}`}>${row.seq}</a>`,
    },
  ];
}

// The way further. There is no number of pages: nobody counts what nobody has looked at.
function Steps({ query, next }) {
  const oldestFirst = query.order === 'asc';
  const [cursor, first, further, end] = oldestFirst
    ? ['after', 'Oldest rows', 'Newer rows', 'This is where the trail ends.']
    : ['before', 'Newest rows', 'Older rows', 'This is where the trail begins.'];
  if (!query[cursor] && !next) return null;
  return html`<nav class="pager" aria-label="Pages of the trail">
    <span>${query[cursor] && html`<a href=${narrowed(query, {})}>${first}</a>`}</span>
    <span>${next ? html`<a href=${narrowed(query, { [cursor]: next })} rel="next">${further}</a>` : end}</span>
  </nav>`;
}

function Nothing({ filtered, next, onClear, oldestFirst }) {
  if (next) {
    const [seen, left] = oldestFirst ? ['older', 'newer'] : ['newer', 'older'];
    return html`<${Empty} icon="clock" title=${`Nothing among the ${seen} rows.`}>The trail is long: go on with the ${left} ones.</${Empty}>`;
  }
  if (filtered) {
    return html`<${Empty} icon="rows" title="No row matches."><${Button} onClick=${onClear}>Clear the filters</${Button}></${Empty}>`;
  }
  return html`<${Empty} icon="rows" title="Nothing here.">Whatever people do on this server is written down here.</${Empty}>`;
}
