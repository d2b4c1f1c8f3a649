// What an agent has reported, newest first: the newest keep arriving, older ones are loaded on request.
import { html, useEffect, useRef, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { usePoll } from '../poll.js';
import { useQuery, withQuery } from '../router.js';
import { Level } from './badge.js';
import { Button } from './button.js';
import { ActError, useAct } from './dialog.js';
import { Empty } from './notice.js';
import { Panel, Remote } from './panel.js';
import { Time } from './time.js';

const PAGE_SIZE = 50;
const USUAL = 'info';
const LEVELS = [
  ['debug', 'Everything'], ['info', 'Info and above'], ['warning', 'Warnings and errors'], ['error', 'Errors only'],
];

const keyOf = (event) => `${event.epoch}:${event.seq}`;

export function Events({ path }) {
  const [query, change] = useQuery();
  const level = query.level || USUAL;
  const url = (before) => withQuery(`${path}/events`, { level, limit: PAGE_SIZE, before });
  const poll = usePoll((signal) => api(url(), { signal }), [path, level]);
  const { events, next, older, failure, busy } = useHistory(poll.data, level, url);
  const choose = (value) => change({ level: value === USUAL ? '' : value });
  return html`<${Panel} id="events" title="Events" aside=${html`<${LevelChoice} level=${level} onChoose=${choose} />`}>
    <${Remote} poll=${poll} what="the events">${() => (events.length
      ? html`<ol class="events">${events.map((event) => html`<${Event} key=${keyOf(event)} event=${event} />`)}</ol>`
      : html`<${Nothing} level=${level} onChoose=${choose} />`)}
    </${Remote}>
    <${ActError} error=${failure} />
    ${next && html`<p class="more">
      <${Button} look="quiet" disabled=${busy} aria-busy=${busy} onClick=${older}>Load older events</${Button}>
    </p>`}
  </${Panel}>`;
}

function LevelChoice({ level, onChoose }) {
  return html`<div class="filter">
    <select name="level" aria-label="Level" onChange=${(event) => onChoose(event.target.value)}>
      ${LEVELS.map(([value, text]) => html`<option value=${value} selected=${value === level}>${text}</option>`)}
    </select>
  </div>`;
}

function Nothing({ level, onChoose }) {
  if (level === 'debug') {
    return html`<${Empty} icon="clock" title="This agent has not reported anything yet.">
      Events arrive with its next poll.
    </${Empty}>`;
  }
  return html`<${Empty} icon="clock" title="Nothing at this level.">
    <${Button} onClick=${() => onChoose('debug')}>Show everything</${Button}>
  </${Empty}>`;
}

// Gathers pages into one list. The cursor of the oldest page stays the same however many new events arrive on top.
function useHistory(data, level, url) {
  const [list, setList] = useState({ level, events: [], next: null, begun: false });
  const [act, { busy, error }] = useAct();
  const chosen = useRef();
  chosen.current = level;
  useEffect(() => {
    if (!data) return;
    setList((old) => {
      const base = old.level === level ? old : { level, events: [], next: null, begun: false };
      const events = [...data.items, ...without(base.events, data.items)];
      return { level, events, next: base.begun ? base.next : data.next, begun: base.begun };
    });
  }, [data]);
  const older = () => act(async () => {
    const page = await api(url(list.next));
    if (chosen.current !== level) return; // another level was chosen meanwhile
    setList((old) => ({
      level, events: [...old.events, ...without(page.items, old.events)], next: page.next, begun: true,
    }));
  });
  return { events: list.events, next: list.next, older, failure: error, busy };
}

function without(events, others) {
  const known = new Set(others.map(keyOf));
  return events.filter((event) => !known.has(keyOf(event)));
}

function Event({ event }) {
  return html`<li class="event">
    <${Time} ms=${event.time_ms} as="stamp" />
    <${Level} value=${event.level} />
    <span class="kind">${event.kind}</span>
    <div class="event-text"><p>${event.message}</p><${Metadata} facts=${Object.entries(event.metadata ?? {})} /></div>
  </li>`;
}

function Metadata({ facts }) {
  if (!facts.length) return null;
  const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
  return html`<details>
    <summary>Details</summary>
    <dl>${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd>${text(value)}</dd></div>`)}</dl>
  </details>`;
}
