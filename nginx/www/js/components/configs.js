// What an agent backs up: its backups, how the last run of each went, and "back up now".
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { usePoll } from '../poll.js';
import { ConfigTable, isMoving } from './config-table.js';
import { Icon } from './icon.js';
import { Empty } from './notice.js';
import { Panel, Remote } from './panel.js';

const LIMIT = 200;

export function Configs({ agent, onAsked }) {
  const url = `/api/configs?agentId=${encodeURIComponent(agent.id)}&limit=${LIMIT}`;
  const moving = (data) => data?.items.some((config) => isMoving(config.lastRun));
  const poll = usePoll((signal) => api(url, { signal }), [url], (data) => (moving(data) ? 2000 : 5000));
  const change = () => {
    poll.refresh();
    onAsked();
  };
  const aside = may('operator') && html`<a role="button" class="outline small" href=${`/configs/new?agent=${agent.id}`}>
    <${Icon} name="plus" />Add a backup</a>`;
  return html`<${Panel} id="configs" title="Backups" aside=${aside}>
    <${Remote} poll=${poll} what="the backups">${({ items }) => (items.length
      ? html`<${ConfigTable} configs=${items} withHost=${false} busy=${poll.loading} onChange=${change} />`
      : html`<${Empty} icon="archive" title="Nothing is backed up from this host.">
          ${may('operator') ? 'Add a backup and name the directories that it covers.' : 'Ask an operator to add a backup.'}
        </${Empty}>`)}
    </${Remote}>
  </${Panel}>`;
}
