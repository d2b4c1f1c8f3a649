// What an agent does about updates, what it is offered, how earlier ones went, and "update now".
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { compareVersions, sentence } from '../format.js';
import { useList } from '../list.js';
import { usePoll } from '../poll.js';
import { Button } from './button.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Fact, Facts } from './facts.js';
import { Field } from './field.js';
import { Export, Filters } from './filters.js';
import { Icon } from './icon.js';
import { Empty, LoadError, Loading, Notice } from './notice.js';
import { Pager } from './pager.js';
import { Panel, Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { toast } from './toast.js';
import { UPDATE_STATES, UpdateState } from './update-badge.js';

const SHOWN = 10;
const MOVING = ['offered', 'waiting', 'downloading', 'verifying', 'trial'];
const BAD = ['restored', 'failed'];

const everyMs = (data) => (data && (data.offer || MOVING.includes(data.update?.state)) ? 2000 : 5000);

export function AgentUpdates({ agent, path }) {
  const [open, setOpen] = useState(false);
  const list = useList(`${path}/updates`, {
    prefix: 'u.', filters: ['q', 'state'], sort: 'time', order: 'desc', size: SHOWN, everyMs,
  });
  const { poll } = list;
  const blocked = ['deactivated', 'quarantined'].includes(agent.status);
  // A container's binary belongs to its image: that is updated on the page of containers.
  const updatable = may('operator') && agent.deploymentMode !== 'container';
  const aside = updatable
    ? html`<${Button} icon="download" disabled=${blocked} title=${blocked ? `The agent is ${agent.status}` : undefined}
        onClick=${() => setOpen(true)}>Update now</${Button}>`
    : agent.deploymentMode === 'container' && html`<a href="/containers">Containers</a>`;
  return html`<${Panel} id="updates" title="Updates" aside=${aside}>
    <${Remote} poll=${poll} what="its updates">${(data) => html`
      <${Now} agent=${agent} data=${data} />
      ${(data.total > 0 || list.filtered) && html`<${History} list=${list} />`}`}
    </${Remote}>
    ${open && html`<${UpdateNow} agent=${agent} path=${path} onDone=${poll.refresh} onClose=${() => setOpen(false)} />`}
  </${Panel}>`;
}

function Now({ agent, data: { update, offer } }) {
  const state = update?.state ?? 'idle';
  return html`
    <${Facts}>
      <${Fact} label="Runs">${agent.version || '–'}</${Fact}>
      <${Fact} label="State">${update
        ? html`<${UpdateState} value=${state} percent=${update.percent} />`
        : html`<span class="muted">has said nothing yet</span>`}</${Fact}>
      ${update?.version && html`<${Fact} label=${state === 'available' ? 'Available' : 'Version it is about'}>
        <${VersionLink} version=${update.version} /></${Fact}>`}
      <${Fact} label="Offered">${offer
        ? html`<${Offer} offer=${offer} />` : html`<span class="muted">nothing</span>`}</${Fact}>
      <${Fact} label="Said so"><${Time} ms=${update?.reported_ms} /></${Fact}>
      ${update?.workload && html`<${Fact} label="Workload" wide><code>${update.workload}</code></${Fact}>`}
    </${Facts}>
    ${update?.reason && html`<${Reason} state=${state} reason=${update.reason} version=${update.version} />`}`;
}

const VersionLink = ({ version }) => html`<a href=${`/releases/${version}`}>${version}</a>`;

function Offer({ offer: { version, rolloutId, force, downgrade } }) {
  const notes = [force && 'now, whatever its window', downgrade && 'an older one'].filter(Boolean).join(', ');
  return html`<a href=${`/rollouts/${rolloutId}`}>${version}</a>${
    notes && html` <span class="muted">(${notes})</span>`}`;
}

// What the agent's own words mean for whoever reads them here.
const MEANING = {
  skipped: 'The agent has left this version out.',
  waiting: 'The agent has the offer and waits.',
  failed: 'It could not be put in place; the old version runs on.',
  restored: 'It failed its trial; the old version is back and runs.',
  available: 'A container gets a new version with its image.',
};

function Reason({ state, reason, version }) {
  const tone = BAD.includes(state) ? 'bad' : 'calm';
  const own = state === 'skipped' && reason.startsWith('UPDATE_')
    && html` Its agent.conf decides that, nobody here can overrule it.`;
  const next = state === 'restored' && html` It is not tried again here until a version newer than ${version} comes.`;
  const text = html`${MEANING[state] ?? ''} <strong>${sentence(reason)}</strong>${own}${next}`;
  const icon = BAD.includes(state) ? 'warning' : 'skip';
  return html`<div class="reason"><${Notice} tone=${tone} icon=${icon} text=${text} /></div>`;
}

const COLUMNS = [
  { name: 'status', head: 'State', sort: 'state', cell: (row) => html`<${UpdateState} value=${row.state} />` },
  {
    name: 'version', head: 'Version', sort: 'version',
    cell: ({ rolloutId, version }) => (rolloutId
      ? html`<a href=${`/rollouts/${rolloutId}`}>${version || '–'}</a>` : version || '–'),
  },
  { name: 'current', head: 'Ran', cell: (row) => row.currentVersion || '–' },
  { name: 'message', head: 'Why', cell: (row) => row.reason || null },
  { name: 'time', head: 'When', sort: 'time', cell: (row) => html`<${Time} ms=${row.time_ms} />` },
];

const CHOICES = [{
  name: 'state', label: 'State of the update', all: 'Any state', options: Object.entries(UPDATE_STATES).map(([state, { label }]) => [state, label]),
}];

function History({ list }) {
  const { poll } = list;
  const { items, total } = poll.data;
  return html`<header class="panel-sub-head"><h3 class="panel-sub">History</h3><${Export} list=${list} what="the update history" /></header>
    ${(list.filtered || total > SHOWN) && html`<${Filters} list=${list} what="the update history" search="Search version or reason" choices=${CHOICES} />`}
    ${items.length
      ? html`<${Table} label="Update history" columns=${COLUMNS} rows=${items} busy=${poll.loading} sorting=${list.sorting}
          rowKey=${(row) => `${row.time_ms}/${row.state}/${row.version}`} />`
      : html`<${Empty} icon="rows" title="Nothing matches."><${Button} onClick=${list.clear}>Clear the filters</${Button}></${Empty}>`}
    <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="the update history" />`;
}

function UpdateNow({ agent, path, onDone, onClose }) {
  const poll = usePoll((signal) => api('/api/releases', { signal }), [], 0);
  const [picked, setPicked] = useState('');
  const [act, { busy, error }] = useAct();
  const offered = (poll.data?.items ?? [])
    .filter((each) => each.status === 'published' && each.version !== agent.version);
  const version = picked || offered[0]?.version || '';
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await api(`${path}/update`, { method: 'POST', body: { version } });
      toast(`${agent.name} is offered ${version}; it begins at its next poll.`);
      onDone();
      onClose();
    });
  };
  return html`<${Dialog} title=${`Update ${agent.name} now`} onClose=${onClose}>
    <form onSubmit=${submit}>
      ${poll.data ? html`<${Choice} agent=${agent} offered=${offered} version=${version} onVersion=${setPicked} />`
        : poll.error ? html`<${LoadError} error=${poll.error} onRetry=${poll.refresh} />`
          : html`<${Loading} what="the releases" />`}
      <${ActError} error=${error} />
      <${DialogFooter} action="Update now" ready=${Boolean(version)} busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

function Choice({ agent, offered, version, onVersion }) {
  if (!offered.length) return html`<p>There is no other published release than the ${agent.version || 'one'} it runs.</p>`;
  const older = agent.version && compareVersions(version, agent.version) < 0;
  return html`
    <${Field} id="update-version" type="select" label="Version" value=${version} onValue=${onVersion} autofocus>
      ${offered.map((each) => html`<option value=${each.version} key=${each.version} selected=${each.version === version}>
        ${each.version} (${each.channel})</option>`)}
    </${Field}>
    <p>It is offered at the next poll, outside stages, pace and windows; its own UPDATE_WINDOW does not hold it back. The
      agent checks the signature, tries the version out, and puts ${agent.version || 'the old one'} back if that fails.</p>
    ${older && html`<p class="text-bad"><${Icon} name="warning" /> This is older than what it runs. The agent accepts that
      only if the release allows it, or if the one it runs is withdrawn.</p>`}`;
}
