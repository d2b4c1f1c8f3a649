// The live list of agents. The server searches, filters, sorts and pages, so ten thousand agents cost what fifty do; the
// address holds all of it.
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { formatCount, formatPlatform } from '../format.js';
import { usePoll } from '../poll.js';
import { useQuery, withQuery } from '../router.js';
import { AgentState, RunState } from './badge.js';
import { Button } from './button.js';
import { FILTERS, FleetFilters } from './fleet-filters.js';
import { Empty } from './notice.js';
import { Pager, pageOf } from './pager.js';
import { Panel, Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';

const PAGE_SIZE = 50;

const COLUMNS = [
  { name: 'name', head: 'Agent', sort: 'name', cell: (agent) => html`<${Name} agent=${agent} />` },
  { name: 'status', head: 'State', cell: (agent) => html`<${AgentState} value=${agent.status} />` },
  { name: 'version', head: 'Version', sort: 'version', cell: (agent) => agent.version || '–' },
  { name: 'platform', head: 'Platform', cell: formatPlatform },
  { name: 'backup', head: 'Last backup', cell: (agent) => html`<${LastBackup} run=${agent.lastBackup} />` },
  { name: 'seen', head: 'Last seen', sort: 'last_seen', cell: (agent) => html`<${Time} ms=${agent.last_seen_ms} />` },
];

// The second line tells two agents apart when their names do not.
function Name({ agent }) {
  const host = agent.hostname && agent.hostname !== agent.name ? agent.hostname : agent.address;
  return html`<a class="strong" href=${`/agents/${agent.id}`}>${agent.name}</a><small class="muted">${host}</small>`;
}

function LastBackup({ run }) {
  if (!run) return html`<span class="muted">none yet</span>`;
  return html`<a class="badge-link" href=${`/backups/${run.id}`}>
    <${RunState} value=${run.status}><${Time} ms=${run.finished_ms} none="running" /></${RunState}>
  </a>`;
}

// overview supplies the choices of the filters; versions and platforms are what the fleet has.
export function FleetList({ overview }) {
  const [query, change] = useQuery();
  const page = pageOf(query);
  const sort = query.sort || 'name';
  const order = query.order || 'asc';
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query[name]]));
  const url = withQuery('/api/agents', { ...filters, sort, order, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE });
  const poll = usePoll((signal) => api(url, { signal }), [url]);
  const filtered = FILTERS.some((name) => query[name]);
  const clear = () => change(Object.fromEntries(FILTERS.map((name) => [name, ''])));
  // The usual order is left out of the address.
  const setSort = (by, to) => change({ sort: by === 'name' && to === 'asc' ? '' : by, order: to === 'asc' ? '' : to });
  const sorting = { by: sort, order, change: setSort };
  const found = poll.data && `${formatCount(poll.data.total)} ${filtered ? 'found' : 'in all'}`;
  return html`<${Panel} id="fleet" title="Agents" aside=${html`<span class="muted" role="status">${found}</span>`}>
    <${FleetFilters} query=${query} change=${change} overview=${overview} sorting=${sorting} clear=${filtered && clear} />
    <${Remote} poll=${poll} what="the agents">${({ items, total }) => html`
      ${items.length
        ? html`<${Table} label="Agents" columns=${COLUMNS} rows=${items} rowKey=${(agent) => agent.id}
            busy=${poll.loading} sorting=${sorting} />`
        : html`<${Nobody} clear=${(filtered || page > 1) && clear} />`}
      <${Pager} total=${total} size=${PAGE_SIZE} page=${page} what="agents" />`}
    </${Remote}>
  </${Panel}>`;
}

function Nobody({ clear }) {
  if (clear) {
    return html`<${Empty} title="No agent matches."><${Button} onClick=${clear}>Clear the filters</${Button}></${Empty}>`;
  }
  return html`<${Empty} title="No agents yet.">
    ${may('operator')
      ? html`<a href="/add" role="button" class="small">Add the first agent</a>`
      : 'Ask an operator to add one, or to grant you some.'}
  </${Empty}>`;
}
