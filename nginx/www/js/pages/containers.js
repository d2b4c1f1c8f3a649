// Agents in containers for which there is a newer image. Nobody touches a container's files: the workload gets the image.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { Button } from '../components/button.js';
import { Confirm } from '../components/dialog.js';
import { Export, Filters } from '../components/filters.js';
import { Empty } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { toast } from '../components/toast.js';
import { UpdateState } from '../components/update-badge.js';
import { UpdatesHead } from '../components/updates-head.js';
import { plural } from '../format.js';
import { useList } from '../list.js';

export function ContainersPage({ title }) {
  const [chosen, setChosen] = useState(null);
  const list = useList('/api/containers', { sort: 'name', topics: ['agents', 'rollouts', 'releases'] });
  const { poll } = list;
  const aside = html`<span class="aside"><span class="muted" role="status">${poll.data && plural(poll.data.total, 'container')}</span>
    <${Export} list=${list} what="the containers" /></span>`;
  const columns = may('operator') ? [...COLUMNS, actColumn(setChosen)] : COLUMNS;
  return html`<${UpdatesHead} title=${title} />
    <${Panel} id="containers" title="Updates pending" aside=${aside}>
      ${(list.filtered || poll.data?.total > 5) && html`<${Filters} list=${list} what="the containers" search="Search agent" />`}
      <${Remote} poll=${poll} what="the containers">${({ items, total }) => html`
        ${items.length
          ? html`<${Table} label="Containers" columns=${columns} rows=${items} rowKey=${(row) => row.agentId}
              busy=${poll.loading} sorting=${list.sorting} />`
          : list.filtered ? html`<${Empty} icon="box" title="No container matches." />` : html`<${UpToDate} />`}
        ${items.some((row) => !row.canRollOut) && html`<${ByHand} />`}
        <${Pager} total=${total} size=${list.size} page=${list.page} what="containers" />`}
      </${Remote}>
      ${chosen && html`<${RollOut} container=${chosen} onDone=${poll.refresh} onClose=${() => setChosen(null)} />`}
    </${Panel}>`;
}

const ByHand = () => html`<p class="table-note muted">By hand: set the image yourself. Muster rolls out only the workload
  that an agent names in its UPDATE_K8S_WORKLOAD, and only by that agent.</p>`;

function UpToDate() {
  return html`<${Empty} icon="box" title="No container waits for an update.">
    Agents in containers show up here when a release newer than theirs is published.
  </${Empty}>`;
}

const COLUMNS = [
  {
    name: 'name', head: 'Agent', sort: 'name',
    cell: (row) => html`<a class="strong" href=${`/agents/${row.agentId}`}>${row.agentName}</a>
      <small class="muted">seen <${Time} ms=${row.last_seen_ms} /></small>`,
  },
  // Idle is what it has nothing to say about; that there is a newer image the server knows.
  {
    name: 'status', head: 'State',
    cell: ({ state, percent }) => html`<${UpdateState} value=${state === 'idle' ? 'available' : state}
      percent=${percent} />`,
  },
  {
    name: 'version', head: 'Version', sort: 'version',
    cell: (row) => html`${row.version || '–'} <span class="muted">→</span> <a class="strong"
      href=${`/releases/${row.availableVersion}`}>${row.availableVersion}</a>`,
  },
  { name: 'path', head: 'Image', cell: (row) => html`<${Image} row=${row} />` },
  { name: 'workload', head: 'Workload', cell: (row) => html`<${Workload} row=${row} />` },
];

function Image({ row }) {
  return row.containerImage ? html`<code>${row.containerImage}</code>` : html`<span class="muted">none was built</span>`;
}

// reason is the agent's own word, of a roll-out that did not go well.
function Workload({ row }) {
  const workload = row.workload ? html`<code>${row.workload}</code>` : html`<span class="muted">not said</span>`;
  return html`${workload}${row.reason && html`<small class="muted">${row.reason}</small>`}`;
}

const actColumn = (onChoose) => ({
  name: 'act', head: 'Actions', hidden: true,
  cell: (row) => (row.canRollOut
    ? html`<${Button} look="main" onClick=${() => onChoose(row)}
        aria-label=${`Roll out ${row.agentName}`}>Roll out</${Button}>`
    : html`<small class="muted">by hand</small>`),
});

function RollOut({ container, onDone, onClose }) {
  const { agentId, agentName, availableVersion, containerImage, workload } = container;
  const order = async () => {
    await api(`/api/agents/${agentId}/k8s-rollout`, { method: 'POST', body: { version: availableVersion } });
    toast(`${agentName} is told to roll out ${availableVersion}; this page shows how it goes.`);
    onDone();
  };
  return html`<${Confirm} title=${`Roll out ${availableVersion} to ${workload}?`} action="Roll out"
    onConfirm=${order} onClose=${onClose}>
    <p>${agentName} sets the image of <code>${workload}</code> to <code>${containerImage}</code> at its next poll, and
      Kubernetes replaces the pods by the workload's own strategy. Every agent of this workload is updated by it.</p>
  </${Confirm}>`;
}
