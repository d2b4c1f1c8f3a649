// What an agent backs up: its backups, how the last run of each went, and "back up now".
import { html } from '/vendor/preact.js';
import { may } from '../api.js';
import { useList } from '../list.js';
import { Button } from './button.js';
import { ConfigTable, isMoving } from './config-table.js';
import { Export, Filters } from './filters.js';
import { Icon } from './icon.js';
import { Empty } from './notice.js';
import { Pager } from './pager.js';
import { Panel, Remote } from './panel.js';

const SHOWN = 20;

export function Configs({ agent, onAsked }) {
  const moving = (data) => data?.items.some((config) => isMoving(config.lastRun));
  const list = useList('/api/configs', {
    prefix: 'c.', sort: 'name', size: SHOWN, fixed: { agentId: agent.id }, everyMs: (data) => (moving(data) ? 2000 : 5000),
  });
  const { poll } = list;
  const change = () => {
    poll.refresh();
    onAsked();
  };
  const aside = html`<span class="aside"><${Export} list=${list} what="the backups" />
    ${may('operator') && html`<a role="button" class="outline small" href=${`/configs/new?agent=${agent.id}`}>
      <${Icon} name="plus" />Add a backup</a>`}</span>`;
  return html`<${Panel} id="configs" title="Backups" aside=${aside}>
    ${(list.filtered || poll.data?.total > 5) && html`<${Filters} list=${list} what="the backups" search="Search backup" />`}
    <${Remote} poll=${poll} what="the backups">${({ items, total }) => html`
      ${items.length
        ? html`<${ConfigTable} configs=${items} withHost=${false} busy=${poll.loading} sorting=${list.sorting} onChange=${change} />`
        : html`<${NoConfigs} clear=${list.filtered && list.clear} />`}
      <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="backups" />`}
    </${Remote}>
  </${Panel}>`;
}

function NoConfigs({ clear }) {
  if (clear) return html`<${Empty} icon="archive" title="No backup matches."><${Button} onClick=${clear}>Clear the filters</${Button}></${Empty}>`;
  return html`<${Empty} icon="archive" title="Nothing is backed up from this host.">
    ${may('operator') ? 'Add a backup and name the directories that it covers.' : 'Ask an operator to add a backup.'}
  </${Empty}>`;
}
