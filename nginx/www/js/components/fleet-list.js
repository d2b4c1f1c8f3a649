// The live list of agents. The server searches, filters, sorts and pages, so ten thousand agents cost what fifty do; the
// address holds all of it.
import { html, useEffect, useRef, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { formatCount, formatPlatform } from '../format.js';
import { usePoll } from '../poll.js';
import { useQuery, withQuery } from '../router.js';
import { AGENT_STATES, AgentState, RunState } from './badge.js';
import { Empty, LoadError, Loading } from './notice.js';
import { Pager, pageOf } from './pager.js';
import { Table } from './table.js';
import { Time } from './time.js';

const PAGE_SIZE = 50;
const TYPING_MS = 250;
const FILTERS = ['q', 'status', 'version', 'platform'];

const COLUMNS = [
  { name: 'name', head: 'Agent', sort: 'name', cell: (agent) => html`<a class="strong" href=${`/agents/${agent.id}`}>${agent.name}</a><small class="muted">${hostLine(agent)}</small>` },
  { name: 'status', head: 'State', cell: (agent) => html`<${AgentState} value=${agent.status} />` },
  { name: 'version', head: 'Version', sort: 'version', cell: (agent) => agent.version || '–' },
  { name: 'platform', head: 'Platform', cell: formatPlatform },
  { name: 'backup', head: 'Last backup', cell: (agent) => (agent.lastBackup
    ? html`<a class="badge-link" href=${`/backups/${agent.lastBackup.id}`}><${RunState} value=${agent.lastBackup.status}><${Time} ms=${agent.lastBackup.finished_ms} none="running" /></${RunState}></a>`
    : html`<span class="muted">none yet</span>`) },
  { name: 'seen', head: 'Last seen', sort: 'last_seen', cell: (agent) => html`<${Time} ms=${agent.last_seen_ms} />` },
];

// What tells two agents apart when their names do not.
const hostLine = (agent) => (agent.hostname && agent.hostname !== agent.name ? agent.hostname : agent.address);

const SORTS = { 'name.asc': 'Name, A to Z', 'name.desc': 'Name, Z to A', 'last_seen.desc': 'Seen last', 'last_seen.asc': 'Not seen longest', 'version.desc': 'Newest version', 'version.asc': 'Oldest version', 'created.desc': 'Added last', 'created.asc': 'Added first' };

// overview supplies the choices of the filters; versions and platforms are what the fleet has.
export function FleetList({ overview }) {
  const [query, change] = useQuery();
  const page = pageOf(query);
  const sort = query.sort || 'name';
  const order = query.order || 'asc';
  const url = withQuery('/api/agents', {
    ...Object.fromEntries(FILTERS.map((name) => [name, query[name]])), sort, order, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE,
  });
  const { data, error, loading, refresh } = usePoll((signal) => api(url, { signal }), [url]);
  const filtered = FILTERS.some((name) => query[name]);
  const clear = () => change({ q: '', status: '', version: '', platform: '' });
  const setSort = (by, direction) => change({ sort: by === 'name' && direction === 'asc' ? '' : by, order: direction === 'asc' ? '' : direction });
  return html`<section class="panel" aria-labelledby="fleet-title">
    <header class="panel-head"><h2 id="fleet-title">Agents</h2><span class="muted" role="status">${data && `${formatCount(data.total)} ${filtered ? 'found' : 'in all'}`}</span></header>
    <${Filters} query=${query} change=${change} overview=${overview} sort=${`${sort}.${order}`} setSort=${setSort} clear=${filtered && clear} />
    <${LoadError} error=${error} stale=${data} onRetry=${refresh} />
    ${!data && !error && html`<${Loading} what="the agents" />`}
    ${data?.items.length > 0 && html`<${Table} label="Agents" columns=${COLUMNS} rows=${data.items} rowKey=${(agent) => agent.id} busy=${loading}
      sorting=${{ by: sort, order, change: setSort }} />`}
    ${data && !data.items.length && (filtered || page > 1
      ? html`<${Empty} title="No agent matches."><button type="button" class="outline small" onClick=${clear}>Clear the filters</button></${Empty}>`
      : html`<${Empty} title="No agents yet.">${may('operator') ? html`<a href="/add" role="button" class="small">Add the first agent</a>` : 'Ask an operator to add one, or to grant you some.'}</${Empty}>`)}
    ${data && html`<${Pager} total=${data.total} size=${PAGE_SIZE} page=${page} what="agents" />`}
  </section>`;
}

function Filters({ query, change, overview, sort, setSort, clear }) {
  const select = (name, label, all, options) => html`<div class="filter">
    <select name=${name} aria-label=${label} value=${query[name] ?? ''} onChange=${(event) => change({ [name]: event.target.value })}>
      <option value="" selected=${!query[name]}>${all}</option>
      ${options.map(([value, text]) => html`<option value=${value} key=${value} selected=${query[name] === value}>${text}</option>`)}
    </select></div>`;
  return html`<form class="filters" aria-label="Filter the agents" onSubmit=${(event) => event.preventDefault()}>
    <${Search} value=${query.q ?? ''} onSearch=${(q) => change({ q }, { replace: true })} />
    ${select('status', 'State', 'Any state', Object.entries(AGENT_STATES).map(([state, { label }]) => [state, label]))}
    ${select('version', 'Version', 'Any version', chosen(overview?.versions?.map((row) => row.version), query.version))}
    ${select('platform', 'Platform', 'Any platform', chosen(overview?.platforms?.map((row) => row.platform), query.platform))}
    <div class="filter narrow-only">
      <select name="sort" aria-label="Sort" onChange=${(event) => setSort(...event.target.value.split('.'))}>
        ${Object.entries(SORTS).map(([value, text]) => html`<option value=${value} selected=${value === sort}>${text}</option>`)}
      </select></div>
    ${clear && html`<button type="button" class="secondary outline small" onClick=${clear}>Clear</button>`}
  </form>`;
}

// What the address asks for is offered even before the overview is there, or when no agent has it any more.
function chosen(values = [], current = '') {
  const all = new Set(values.filter(Boolean));
  if (current) all.add(current);
  return [...all].map((value) => [value, value]);
}

// Types freely, asks when the typing pauses, and follows the address when that changes for another reason.
function Search({ value, onSearch }) {
  const [text, setText] = useState(value);
  const timer = useRef(0);
  const sent = useRef(value);
  useEffect(() => {
    if (value !== sent.current) {
      sent.current = value;
      setText(value);
    }
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (event) => {
    const next = event.target.value;
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      sent.current = next.trim();
      onSearch(next.trim());
    }, TYPING_MS);
  };
  return html`<div class="filter search"><input type="search" name="q" aria-label="Search name, host or id" placeholder="Search name, host or id"
    value=${text} onInput=${type} autocomplete="off" spellcheck=${false} /></div>`;
}
