// What each backup takes in the store, and how that has grown.
import { html } from '/vendor/preact.js';
import { formatBytes, formatCount } from '../format.js';
import { useList } from '../list.js';
import { Button } from './button.js';
import { Chart, axis, colour } from './chart.js';
import { Export, Filters } from './filters.js';
import { Empty } from './notice.js';
import { Pager } from './pager.js';
import { Panel, Remote } from './panel.js';
import { Table } from './table.js';

const SHOWN = 10;
const EVERY_MS = 30000;

export function Storage() {
  const list = useList('/api/storage', { prefix: 's.', sort: 'bytes', order: 'desc', size: SHOWN, everyMs: EVERY_MS });
  const { poll } = list;
  if (poll.data && !poll.data.total && !list.filtered) return null;
  const aside = html`<span class="aside"><span class="muted">${poll.data && `${formatBytes(poll.data.bytes)} in all`}</span>
    <${Export} list=${list} what="what is stored" /></span>`;
  return html`<${Panel} id="storage" title="Storage" aside=${aside}>
    ${(list.filtered || poll.data?.total > 5) && html`<${Filters} list=${list} what="what is stored" search="Search what is stored" />`}
    <${Remote} poll=${poll} what="the storage">${({ items, total, bytes, history }) => html`
      ${items.length
        ? html`<${Table} label="Stored bytes by backup" columns=${columns(bytes)} rows=${items} rowKey=${keyOf}
            busy=${poll.loading} sorting=${list.sorting} />`
        : html`<${Empty} icon="archive" title="Nothing stored matches."><${Button} onClick=${list.clear}>Clear the filters</${Button}></${Empty}>`}
      <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="what is stored" />
      ${history.length > 1 && html`<${Curve} history=${history} />`}`}
    </${Remote}>
  </${Panel}>`;
}

const keyOf = (row) => JSON.stringify([row.agentId, row.agentName, row.configId, row.configName]);

const link = (href, id, name) => (id ? html`<a href=${href + id}>${name}</a>` : html`${name} <small class="muted">deleted</small>`);

const columns = (total) => [
  { name: 'config', head: 'Backup', sort: 'config', cell: (row) => link('/configs/', row.configId, row.configName) },
  { name: 'agent', head: 'Host', sort: 'agent', cell: (row) => link('/agents/', row.agentId, row.agentName) },
  { name: 'share', head: 'Of all', cell: (row) => html`<${Share} bytes=${row.bytes} total=${total} />` },
  { name: 'size', head: 'Stored', sort: 'bytes', cell: (row) => formatBytes(row.bytes) },
  { name: 'count', head: 'Runs', sort: 'runs', cell: (row) => formatCount(row.runs) },
];

function Share({ bytes, total }) {
  const percent = (bytes / Math.max(1, total)) * 100;
  return html`<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${`${Math.round(percent)} %`}>
    <rect class="part-ground" width="100" height="10" /><rect class="part-busy" width=${percent} height="10" />
  </svg>`;
}

function Curve({ history }) {
  const text = `From ${formatBytes(history[0].bytes)} to ${formatBytes(history.at(-1).bytes)} in ${history.length} days`;
  const make = () => ({
    options: {
      legend: { show: false }, cursor: { show: false },
      axes: [axis(), { ...axis(), size: 70, values: (_, ticks) => ticks.map(formatBytes) }],
      scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      series: [{}, { stroke: colour('--busy'), width: 2, fill: colour('--busy-soft') }],
    },
    data: [history.map((day) => day.day_ms / 1000), history.map((day) => day.bytes)],
  });
  return html`<${Chart} make=${make} text=${text} height=${180} deps=${[JSON.stringify(history)]} />`;
}
