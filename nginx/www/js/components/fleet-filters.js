// Search and filters of the list of agents, and what it is sorted by where it has no heads to click.
import { html } from '/vendor/preact.js';
import { AGENT_STATES } from './badge.js';
import { Filters } from './filters.js';

// The parts of the address that narrow the list.
export const FILTERS = ['q', 'status', 'version', 'platform', 'label'];

const STATES = Object.entries(AGENT_STATES).map(([state, { label }]) => [state, label]);

export const SORTS = [
  ['name.asc', 'Name, A to Z'], ['name.desc', 'Name, Z to A'],
  ['last_seen.desc', 'Seen last'], ['last_seen.asc', 'Not seen longest'],
  ['version.desc', 'Newest version'], ['version.asc', 'Oldest version'],
  ['created.desc', 'Added last'], ['created.asc', 'Added first'],
];

export function FleetFilters({ list, overview }) {
  const { chosen } = list;
  const versions = overview?.versions?.map((row) => row.version);
  const platforms = overview?.platforms?.map((row) => row.platform);
  const choice = (name, label, all, options) => ({ name, label, all, options });
  return html`<${Filters} list=${list} what="the agents" search="Search name, host or id" choices=${[
    choice('status', 'State', 'Any state', STATES),
    choice('version', 'Version', 'Any version', choices(versions, chosen.version)),
    choice('platform', 'Platform', 'Any platform', choices(platforms, chosen.platform)),
    ...(chosen.label ? [choice('label', 'Label', 'Any label', [[chosen.label, chosen.label]])] : []),
  ]} />`;
}

// What the address asks for is offered even before the overview is there, or when no agent has it any more.
function choices(values = [], current = '') {
  const all = new Set(values.filter(Boolean));
  if (current) all.add(current);
  return [...all].map((value) => [value, value]);
}
