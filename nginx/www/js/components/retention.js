// What the rules for keeping would do now: which restore points stay, and why, and which go.
import { html, useState } from '/vendor/preact.js';
import { SLOTS } from '../backup.js';
import { formatBytes, formatCount, plural } from '../format.js';
import { useList } from '../list.js';
import { useQuery } from '../router.js';
import { Badge } from './badge.js';
import { Button } from './button.js';
import { Export, Filters } from './filters.js';
import { Empty } from './notice.js';
import { Pager } from './pager.js';
import { Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';

const ACTIONS = {
  keep: { label: 'Stays', icon: 'check', tone: 'good' },
  delete: { label: 'Goes', icon: 'cross', tone: 'warn' },
};

const OPTIONS = Object.entries(ACTIONS).map(([action, { label }]) => [action, label]);

const COLUMNS = [
  { name: 'when', head: 'Up to', sort: 'newest', cell: (chain) => html`<${Time} ms=${chain.newest_ms} as="stamp" none="–" />` },
  { name: 'action', head: 'What happens', sort: 'action', cell: (chain) => html`<${Badge} states=${ACTIONS} value=${chain.action} />` },
  { name: 'reasons', head: 'Because', cell: (chain) => chain.reasons.join(', ') || 'no rule wants it' },
  { name: 'count', head: 'Runs', sort: 'runs', cell: (chain) => formatCount(chain.runs) },
  { name: 'size', head: 'Stored', sort: 'size', cell: (chain) => formatBytes(chain.size) },
];

const PREFIX = 'keep.';
const SHOWN = 20;

// rules: as the form has them, not saved yet. undefined: the config's own; then an address that speaks of the list shows it.
export function RetentionPreview({ configId, rules }) {
  const [query] = useQuery();
  const shared = !rules && Object.keys(query).some((name) => name.startsWith(PREFIX));
  const [asked, setAsked] = useState(shared ? { at: 0, query: {} } : null);
  const show = () => setAsked({ at: Date.now(), query: queryOf(rules) });
  return html`<div class="preview">
    <${Button} look="quiet" icon="clock" onClick=${show}>${asked ? 'Look again' : 'What would be deleted now?'}</${Button}>
    ${asked && html`<${Answer} configId=${configId} asked=${asked} />`}
  </div>`;
}

function queryOf(rules) {
  if (!rules) return {};
  const slots = Object.fromEntries(SLOTS.map(([key]) => [key, rules.retention[key]]));
  return { ...slots, retentionDays: rules.retentionDays ?? 0 };
}

function Answer({ configId, asked }) {
  const list = useList(`/api/configs/${encodeURIComponent(configId)}/retention`, {
    prefix: PREFIX, filters: ['q', 'action'], sort: 'newest', order: 'desc', size: SHOWN, fixed: asked.query, everyMs: 0, deps: [asked.at],
  });
  const { poll } = list;
  return html`<div><${Remote} poll=${poll} what="the preview">${({ items, total, keep, delete: gone, freedBytes }) => html`
    <p role="status">${gone
      ? `${plural(gone, 'restore point')} of ${formatCount(keep + gone)} would go, which frees ${formatBytes(freedBytes)}.`
      : 'Nothing would be deleted.'}</p>
    ${keep + gone > 0 && html`<${Filters} list=${list} what="what retention would do" search="Search a reason or an id"
      choices=${[{ name: 'action', label: 'What happens', all: 'Stays or goes', options: OPTIONS }]} />
      ${items.length
        ? html`<${Table} label="What retention would do" columns=${COLUMNS} rows=${items} rowKey=${(chain) => chain.chainId}
            busy=${poll.loading} sorting=${list.sorting} />`
        : html`<${Empty} icon="archive" title="No restore point matches."><${Button} onClick=${list.clear}>Clear the filters</${Button}></${Empty}>`}
      <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="restore points" />
      <p class="more"><${Export} list=${list} what="what retention would do" /></p>`}`}
  </${Remote}></div>`;
}
