// Every alert, open ones first.
import { html } from '/vendor/preact.js';
import { Button } from '../components/button.js';
import { Export, Filters } from '../components/filters.js';
import { Empty } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { PageHead } from '../components/title.js';
import { acknowledge, toldTo } from '../components/alerts.js';
import { plural } from '../format.js';
import { useList } from '../list.js';

const STATES = [['open', 'Open'], ['acknowledged', 'Acknowledged']];

const COLUMNS = [
  { name: 'message', head: 'Alert', cell: (alert) => html`${toldTo(alert)}${alert.message}${alert.agentId
    && html`<small><a href=${`/agents/${alert.agentId}`}>Show the agent</a></small>`}` },
  { name: 'kind', head: 'Kind', sort: 'kind', cell: (alert) => html`<code>${alert.kind}</code>` },
  { name: 'created', head: 'Raised', sort: 'created', cell: (alert) => html`<${Time} ms=${alert.created_ms} />` },
];

const act = (refresh) => ({
  name: 'act', head: 'Acknowledged',
  cell: (alert) => (alert.acknowledged_ms ? html`<${Time} ms=${alert.acknowledged_ms} />`
    : alert.mayAcknowledge ? html`<${Button} onClick=${() => acknowledge(alert).then(refresh)}
        aria-label=${`Acknowledge: ${alert.message}`}>Acknowledge</${Button}>` : html`<span class="muted">not acknowledged yet</span>`),
});

export function AlertsPage({ title }) {
  const list = useList('/api/alerts', { filters: ['q', 'state'], sort: 'open', order: 'desc', topics: ['alerts'] });
  const { poll } = list;
  const aside = html`<span class="aside"><span class="muted" role="status">${poll.data && plural(poll.data.total, 'alert')}</span>
    <${Export} list=${list} what="the alerts" /></span>`;
  return html`<div><${PageHead} title=${title} />
    <${Panel} id="all-alerts" title="Alerts" aside=${aside}>
      <${Filters} list=${list} what="the alerts" search="Search alerts"
        choices=${[{ name: 'state', label: 'State', all: 'Any state', options: STATES }]} />
      <${Remote} poll=${poll} what="the alerts">${({ items, total }) => html`
        ${items.length
          ? html`<${Table} label="Alerts" columns=${[...COLUMNS, act(poll.refresh)]} rows=${items}
              rowKey=${(alert) => alert.id} busy=${poll.loading} sorting=${list.sorting} />`
          : html`<${Empty} icon="bell" title=${list.filtered ? 'No alert matches.' : 'Nothing needs anybody.'} />`}
        <${Pager} total=${total} size=${list.size} page=${list.page} what="alerts" />`}
      </${Remote}>
    </${Panel}></div>`;
}
