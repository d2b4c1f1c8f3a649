// Search, filters and, where the table has no heads to click, the order of the list of agents.
import { html, useEffect, useRef, useState } from '/vendor/preact.js';
import { AGENT_STATES } from './badge.js';
import { Button } from './button.js';

// The parts of the address that narrow the list.
export const FILTERS = ['q', 'status', 'version', 'platform'];

const TYPING_MS = 250;

const STATES = Object.entries(AGENT_STATES).map(([state, { label }]) => [state, label]);

const SORTS = [
  ['name.asc', 'Name, A to Z'], ['name.desc', 'Name, Z to A'],
  ['last_seen.desc', 'Seen last'], ['last_seen.asc', 'Not seen longest'],
  ['version.desc', 'Newest version'], ['version.asc', 'Oldest version'],
  ['created.desc', 'Added last'], ['created.asc', 'Added first'],
];

export function FleetFilters({ query, change, overview, sorting, clear }) {
  const select = (name, label, all, options) => html`<${Select} name=${name} label=${label} value=${query[name] ?? ''}
    options=${[['', all], ...options]} onChoose=${(value) => change({ [name]: value })} />`;
  const versions = overview?.versions?.map((row) => row.version);
  const platforms = overview?.platforms?.map((row) => row.platform);
  return html`<form class="filters" aria-label="Filter the agents" onSubmit=${(event) => event.preventDefault()}>
    <${Search} value=${query.q ?? ''} onSearch=${(q) => change({ q }, { replace: true })} />
    ${select('status', 'State', 'Any state', STATES)}
    ${select('version', 'Version', 'Any version', choices(versions, query.version))}
    ${select('platform', 'Platform', 'Any platform', choices(platforms, query.platform))}
    <${Select} name="sort" label="Sort" look="narrow-only" value=${`${sorting.by}.${sorting.order}`} options=${SORTS}
      onChoose=${(value) => sorting.change(...value.split('.'))} />
    ${clear && html`<${Button} look="quiet" onClick=${clear}>Clear</${Button}>`}
  </form>`;
}

function Select({ name, label, look = '', value, options, onChoose }) {
  const option = ([each, text]) => html`<option value=${each} key=${each} selected=${each === value}>${text}</option>`;
  return html`<div class=${`filter ${look}`}>
    <select name=${name} aria-label=${label} value=${value} onChange=${(event) => onChoose(event.target.value)}>
      ${options.map(option)}
    </select>
  </div>`;
}

// What the address asks for is offered even before the overview is there, or when no agent has it any more.
function choices(values = [], current = '') {
  const all = new Set(values.filter(Boolean));
  if (current) all.add(current);
  return [...all].map((value) => [value, value]);
}

// Types freely, asks when the typing pauses, and follows the address when that changes for another reason.
function Search({ value, onSearch }) {
  const [text, setText] = useState(value);
  const timer = useRef(0);
  const sent = useRef(value);
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    setText(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (event) => {
    const next = event.target.value;
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      sent.current = next.trim();
      onSearch(next.trim());
    }, TYPING_MS);
  };
  const label = 'Search name, host or id';
  return html`<div class="filter search">
    <input type="search" name="q" aria-label=${label} placeholder=${label} value=${text} onInput=${type}
      autocomplete="off" spellcheck=${false} />
  </div>`;
}
