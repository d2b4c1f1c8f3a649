// Which agents a rollout is about: all, those with some labels, or a list picked by search.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { usePoll } from '../poll.js';
import { withQuery } from '../router.js';
import { AgentState } from './badge.js';
import { Button, IconButton } from './button.js';
import { Field, lines } from './field.js';

const FOUND = 6;
const KINDS = [
  ['all', 'All agents', 'Also those that enrol later.'],
  ['labels', 'Agents with labels', 'Those that have all of them.'],
  ['agents', 'Chosen agents', 'Picked by name.'],
];

export const EMPTY_TARGET = { kind: 'all', labels: '', agents: [] };

const pairs = (text) => lines(text).map((line) => line.split(/=(.*)/s));

export function targetBody({ kind, labels, agents }) {
  if (kind === 'agents') return { agents: agents.map((agent) => agent.id) };
  if (kind === 'all') return { all: true };
  return { labels: Object.fromEntries(pairs(labels).map(([key, value]) => [key.trim(), value.trim()])) };
}

export function checkTarget({ kind, labels, agents }) {
  if (kind === 'agents' && !agents.length) return { 'target/agents': 'Choose at least one agent.' };
  if (kind !== 'labels') return {};
  const bad = pairs(labels).find(([key, value]) => !key.trim() || value === undefined);
  if (!lines(labels).length) return { 'target/labels': 'Name at least one label.' };
  return bad ? { 'target/labels': `“${bad[0]}” is no label; write it as key=value.` } : {};
}

export function TargetFields({ target, onTarget, errors }) {
  const set = (patch) => onTarget({ ...target, ...patch });
  const radio = ([kind, label, hint]) => html`<label key=${kind} class="choice">
    <input type="radio" name="target" value=${kind} checked=${target.kind === kind} onChange=${() => set({ kind })} />
    <span>${label}<small class="muted">${hint}</small></span>
  </label>`;
  return html`<fieldset>
    <legend>Who gets it</legend>
    <div class="choice-row">${KINDS.map(radio)}</div>
    ${errors.target && html`<small class="field-error" role="alert">${errors.target}</small>`}
    ${target.kind === 'labels' && html`<${Field} id="plan-target-labels" type="textarea" rows="2" placeholder="site=berlin"
      label="Labels, one key=value a line" value=${target.labels} onValue=${(labels) => set({ labels })}
      error=${errors['target/labels']} spellcheck=${false} />`}
    ${target.kind === 'agents' && html`<${AgentPicker} agents=${target.agents} onAgents=${(agents) => set({ agents })}
      error=${errors['target/agents']} />`}
  </fieldset>`;
}

function AgentPicker({ agents, onAgents, error }) {
  const [text, setText] = useState('');
  const url = withQuery('/api/agents', { q: text.trim(), limit: FOUND + agents.length });
  const { data } = usePoll((signal) => api(url, { signal }), [url], 0);
  const chosen = new Set(agents.map((agent) => agent.id));
  const offered = (data?.items ?? []).filter((agent) => !chosen.has(agent.id)).slice(0, FOUND);
  const onKeyDown = (event) => {
    if (event.key !== 'Enter') return;
    event.preventDefault(); // would send the form; what it means is the first that was found
    if (text.trim() && offered.length) add(offered[0]);
  };
  const add = ({ id, name }) => {
    onAgents([...agents, { id, name }]);
    setText('');
  };
  return html`<div class="picker">
    ${agents.length > 0 && html`<ul class="chips" aria-label="Chosen agents">${agents.map((agent) => html`
      <li key=${agent.id}>${agent.name}<${IconButton} icon="cross" label=${`Leave out ${agent.name}`}
        onClick=${() => onAgents(agents.filter((each) => each.id !== agent.id))} /></li>`)}</ul>`}
    <${Field} id="plan-target-agents" type="search" label="Find agents" placeholder="Name, host or id" value=${text}
      onValue=${setText} error=${error} autocomplete="off" spellcheck=${false} onKeyDown=${onKeyDown} />
    <ul class="found" aria-label="Agents found">${offered.map((agent) => html`<li key=${agent.id}>
      <span>${agent.name} <small class="muted">${agent.version}</small></span><${AgentState} value=${agent.status} />
      <${Button} look="quiet" onClick=${() => add(agent)} aria-label=${`Add ${agent.name}`}>Add</${Button}>
    </li>`)}</ul>
    <p class="sr" role="status">${data && `${offered.length} found, ${agents.length} chosen`}</p>
  </div>`;
}
