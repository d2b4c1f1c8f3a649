// The agents of a rollout: how far each is, and why.
import { html, useEffect } from '/vendor/preact.js';
import { formatCount } from '../format.js';
import { useList } from '../list.js';
import { isOver } from '../rollout.js';
import { Button } from './button.js';
import { Export, Filters } from './filters.js';
import { Empty } from './notice.js';
import { Pager } from './pager.js';
import { Panel, Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { MEMBER_STATES, MemberState } from './update-badge.js';

const PAGE_SIZE = 25;

export function RolloutMembers({ rollout }) {
  const list = useList(`/api/rollouts/${rollout.id}/members`, {
    filters: ['q', 'state'], sort: 'trouble', size: PAGE_SIZE, everyMs: isOver(rollout) ? 10000 : 3000, topics: ['rollouts'],
  });
  const { poll, page, change } = list;
  const { state } = list.chosen;
  useFollow(poll, rollout);
  const columns = COLUMNS.filter((column) => column.name !== 'stage' || rollout.kind === 'staged');
  const choose = (value) => change({ state: value });
  const aside = html`<span class="aside"><${Export} list=${list} what="the agents" />
    <${StateChoice} rollout=${rollout} state=${state} onChoose=${choose} /></span>`;
  return html`<${Panel} id="members" title="Agents" aside=${aside}>
    ${(list.chosen.q || rollout.members.total > 5) && html`<${Filters} list=${list} what="the agents of this rollout" search="Search agent" />`}
    <${Remote} poll=${poll} what="the agents">${({ items, total }) => html`
      ${items.length
        ? html`<${Table} label="Agents of this rollout" columns=${columns} rows=${items}
            rowKey=${(member) => member.agentId} busy=${poll.loading} sorting=${list.sorting} />`
        : html`<${Nobody} state=${state} onChoose=${choose} />`}
      <${Pager} total=${total} size=${PAGE_SIZE} page=${page} what="agents" />`}
    </${Remote}>
  </${Panel}>`;
}

// The numbers above and the lists below them come apart otherwise: what the rollout's own poll has seen, they see at once.
export function useFollow(poll, rollout) {
  const numbers = JSON.stringify(rollout.members);
  useEffect(() => {
    if (poll.data) poll.refresh();
  }, [numbers]);
}

const COLUMNS = [
  { name: 'name', head: 'Agent', sort: 'name', cell: (member) => html`<${AgentName} member=${member} />` },
  { name: 'status', head: 'State', sort: 'state', cell: (member) => html`<${State} member=${member} />` },
  { name: 'version', head: 'Runs', sort: 'version', cell: (member) => member.agentVersion || '–' },
  {
    name: 'stage', head: 'Stage',
    cell: (member) => (member.stage === null ? html`<span class="muted">–</span>` : member.stage + 1),
  },
  { name: 'message', head: 'Why', cell: (member) => member.reason || null },
  { name: 'since', head: 'Since', sort: 'changed', cell: (member) => html`<${Time} ms=${member.state_ms} />` },
];

export const AgentName = ({ member }) => html`
  <a class="strong" href=${`/agents/${member.agentId}`}>${member.agentName}</a>
  ${member.forced && html`<small class="muted">ordered for it alone</small>`}`;

function State({ member }) {
  return html`<${MemberState} value=${member.state} percent=${member.percent} />${
    member.direction === 'back' && html`<small class="muted">back to the previous version</small>`}`;
}

// Only states that somebody is in, each with its number; the one in the address always.
function StateChoice({ rollout, state, onChoose }) {
  const states = Object.entries(MEMBER_STATES).filter(([value]) => rollout.members[value] > 0 || value === state);
  return html`<div class="filter">
    <select name="state" aria-label="State" onChange=${(event) => onChoose(event.target.value)}>
      <option value="" selected=${!state}>Any state (${formatCount(rollout.members.total)})</option>
      ${states.map(([value, { label }]) => html`<option value=${value} key=${value} selected=${value === state}>
        ${label} (${formatCount(rollout.members[value])})</option>`)}
    </select>
  </div>`;
}

function Nobody({ state, onChoose }) {
  if (state) {
    return html`<${Empty} icon="server" title="No agent is in this state.">
      <${Button} onClick=${() => onChoose('')}>Show all of them</${Button}>
    </${Empty}>`;
  }
  return html`<${Empty} icon="server" title="No agent belongs to this rollout yet.">
    Agents that fit its target join it as they are looked through, and as they enrol.
  </${Empty}>`;
}
