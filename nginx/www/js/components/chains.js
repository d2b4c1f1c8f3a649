// What can be restored: a full backup and the incremental ones after it are one unit, each of them a point in time.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { describeChain } from '../backup.js';
import { formatBytes, formatCount } from '../format.js';
import { useList } from '../list.js';
import { RunState } from './badge.js';
import { Button } from './button.js';
import { isMoving } from './config-table.js';
import { Confirm } from './dialog.js';
import { Export, Filters } from './filters.js';
import { Icon } from './icon.js';
import { Empty } from './notice.js';
import { Pager } from './pager.js';
import { Panel, Remote } from './panel.js';
import { Proof } from './proof.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const isGood = (run) => ['completed', 'warning'].includes(run.status);

const SHOWN = 10;

const ONLY = [['restorable', 'Restorable'], ['broken', 'Not whole'], ['pinned', 'Kept by hand']];

const SORTS = [
  ['newest.desc', 'Newest first'], ['newest.asc', 'Oldest first'], ['size.desc', 'Largest first'], ['size.asc', 'Smallest first'],
  ['runs.desc', 'Most runs first'], ['runs.asc', 'Fewest runs first'],
];

export function Chains({ config }) {
  const list = useList(`/api/configs/${encodeURIComponent(config.id)}/chains`, {
    prefix: 'c.', filters: ['q', 'only'], sort: 'newest', order: 'desc', size: SHOWN, deps: [config.lastRun?.id, config.lastRun?.status],
  });
  const { poll, filtered } = list;
  return html`<${Panel} id="chains" title="Restore points" aside=${html`<${Export} list=${list} what="the restore points" />`}>
    ${(filtered || poll.data?.total > 1) && html`<${Filters} list=${list} what="the restore points" search="Search the id of a run"
      choices=${[{ name: 'only', label: 'Which restore points', all: 'All of them', options: ONLY }]} sorts=${SORTS} />`}
    <${Remote} poll=${poll} what="the restore points">${({ items, total }) => html`
      ${items.map((chain, n) => html`<${Chain} key=${chain.chainId} chain=${chain} open=${n === 0} onChange=${poll.refresh} />`)}
      ${!items.length && html`<${Nothing} filtered=${filtered} onClear=${list.clear} />`}
      <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="restore points" />`}
    </${Remote}>
  </${Panel}>`;
}

function Nothing({ filtered, onClear }) {
  if (filtered) {
    return html`<${Empty} icon="archive" title="No restore point matches."><${Button} onClick=${onClear}>Clear the filters</${Button}></${Empty}>`;
  }
  return html`<${Empty} icon="archive" title="There is nothing to restore yet.">It comes with the first good run.</${Empty}>`;
}

const COLUMNS = [
  { name: 'when', head: 'As of', cell: (run) => html`<a href=${`/backups/${run.id}`}><${Time} ms=${run.started_ms} as="stamp" /></a>` },
  { name: 'status', head: 'State', cell: (run) => html`<${RunState} value=${run.status} />` },
  { name: 'type', head: 'Kind', cell: (run) => run.type },
  { name: 'files', head: 'Files then', cell: (run) => formatCount(run.listedFiles ?? run.filesProcessed) },
  { name: 'size', head: 'Stored', cell: (run) => formatBytes(run.size) },
  { name: 'proof', head: 'Proof', cell: (run) => html`<${Proof} run=${run} />` },
  {
    name: 'act', head: 'Act', hidden: true,
    cell: (run) => isGood(run) && html`<a role="button" class="secondary outline small" href=${`/backups/${run.id}/restore`}>
      <${Icon} name="undo" />Restore</a>`,
  },
];

function Chain({ chain, open, onChange }) {
  const [asking, setAsking] = useState(false);
  const newest = chain.runs[chain.runs.length - 1];
  const moving = isMoving(newest);
  const pin = async () => {
    await api(`/api/runs/${newest.id}/pin`, { method: chain.pinned ? 'DELETE' : 'PUT' }).catch((cause) => toast(cause.message, 'bad'));
    onChange();
  };
  const remove = async () => {
    await api(`/api/chains/${chain.chainId}`, { method: 'DELETE' });
    toast('The restore points are deleted.');
    onChange();
  };
  return html`<details class="chain" open=${open}>
    <summary><${Time} ms=${chain.runs[0].started_ms} as="stamp" /> <span class="muted">${describeChain(chain)}</span>
      ${chain.encrypted && html`<span class="badge calm"><${Icon} name="shield" />encrypted</span>`}
      ${chain.pinned && html`<span class="badge busy"><${Icon} name="tag" />kept by hand</span>`}
      ${!chain.restorable && !moving && html`<span class="badge warn"><${Icon} name="warning" />not whole</span>`}</summary>
    <${Table} label="Restore points of this chain, newest first" columns=${COLUMNS} rows=${[...chain.runs].reverse()}
      rowKey=${(run) => run.id} />
    ${may('operator') && html`<p class="actions chain-acts">
      <${Button} look="quiet" onClick=${pin}>${chain.pinned ? 'Leave it to retention' : 'Keep for good'}</${Button}>
      ${may('admin') && html`<${Button} look="danger" onClick=${() => setAsking(true)}>Delete</${Button}>`}
    </p>`}
    ${asking && html`<${Confirm} title="Delete these restore points?" action="Delete" danger typed="delete"
      onClose=${() => setAsking(false)} onConfirm=${remove}>
      <p>${describeChain(chain)} will be gone from the store, for good. The last good ones of a backup cannot be deleted.</p>
    </${Confirm}>`}
  </details>`;
}
