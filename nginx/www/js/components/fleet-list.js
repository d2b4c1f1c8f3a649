// The live list of agents. The server searches, filters, sorts and pages, so ten thousand agents cost what fifty do; the
// address holds all of it.
import { html } from '/vendor/preact.js';
import { may } from '../api.js';
import { formatCount, formatPlatform } from '../format.js';
import { useList } from '../list.js';
import { AgentState, RunState } from './badge.js';
import { Button } from './button.js';
import { Export } from './filters.js';
import { FILTERS, FleetFilters, SORTS } from './fleet-filters.js';
import { Labels } from './labels.js';
import { Empty } from './notice.js';
import { Pager } from './pager.js';
import { Panel, Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';

const TOPICS = ['agents', 'runs'];

const COLUMNS = [
  { name: 'name', head: 'Agent', sort: 'name', cell: (agent) => html`<${Name} agent=${agent} />` },
  { name: 'status', head: 'State', sort: 'status', cell: (agent) => html`<${AgentState} value=${agent.status} />` },
  { name: 'version', head: 'Version', sort: 'version', cell: (agent) => agent.version || '–' },
  { name: 'platform', head: 'Platform', sort: 'platform', cell: formatPlatform },
  { name: 'backup', head: 'Last backup', cell: (agent) => html`<${LastBackup} run=${agent.lastBackup} />` },
  { name: 'seen', head: 'Last seen', sort: 'last_seen', cell: (agent) => html`<${Time} ms=${agent.last_seen_ms} />` },
];

// The second line tells two agents apart when their names do not.
function Name({ agent }) {
  const host = agent.hostname && agent.hostname !== agent.name ? agent.hostname : agent.address;
  return html`<a class="strong" href=${`/agents/${agent.id}`}>${agent.name}</a><small class="muted">${host}</small>
    <${Labels} labels=${agent.labels} />`;
}

function LastBackup({ run }) {
  if (!run) return html`<span class="muted">none yet</span>`;
  return html`<a class="badge-link" href=${`/backups/${run.id}`}>
    <${RunState} value=${run.status}><${Time} ms=${run.finished_ms} none="running" /></${RunState}>
  </a>`;
}

// overview supplies the choices of the filters; versions and platforms are what the fleet has. size: rows of a page;
// many: bulk.js, where something can be done to many agents; other pages need not load it.
export function FleetList({ overview, size = 50, many }) {
  const list = useList('/api/agents', { filters: FILTERS, sort: 'name', size, topics: TOPICS });
  const { poll, page, filtered, sorting } = list;
  const rows = poll.data?.items ?? [];
  const choice = many?.useChoice(rows, (agent) => agent.id, (agent) => agent.name);
  const found = poll.data && `${formatCount(poll.data.total)} ${filtered ? 'found' : 'in all'}`;
  const aside = html`<span class="aside"><span class="muted" role="status">${found}</span>
    <${Export} list=${list} what="the agents" /></span>`;
  const filter = Object.fromEntries(Object.entries(list.chosen).filter(([, value]) => value));
  return html`<${Panel} id="fleet" title="Agents" aside=${aside}>
    <${FleetFilters} list=${list} overview=${overview} />
    ${choice && may('operator') && html`<${many.BulkBar} choice=${choice} total=${poll.data?.total ?? 0} filter=${filter}
      versions=${overview?.versions?.map((row) => row.version)} onDone=${poll.refresh} />`}
    <${Remote} poll=${poll} what="the agents">${({ items, total }) => html`
      ${items.length
        ? html`<${Table} label="Agents" columns=${COLUMNS} rows=${items} rowKey=${(agent) => agent.id}
            busy=${poll.loading} sorting=${sorting} sorts=${SORTS} choosing=${may('operator') ? choice : undefined} />`
        : html`<${Nobody} clear=${(filtered || page > 1) && list.clear} />`}
      <${Pager} total=${total} size=${list.size} page=${page} what="agents" />`}
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
