// What an agent has reported, newest first: the newest keep arriving, older ones are loaded on request.
import { html, useEffect, useRef, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { usePoll } from '../poll.js';
import { useQuery, withQuery } from '../router.js';
import { Level } from './badge.js';
import { ActError, useAct } from './dialog.js';
import { Empty, LoadError, Loading } from './notice.js';
import { Time } from './time.js';

const PAGE_SIZE = 50;
const LEVELS = [['debug', 'Everything'], ['info', 'Info and above'], ['warning', 'Warnings and errors'], ['error', 'Errors only']];

const keyOf = (event) => `${event.epoch}:${event.seq}`;

export function Events({ path }) {
  const [query, change] = useQuery();
  const level = query.level || 'info';
  const url = (before) => withQuery(`${path}/events`, { level, limit: PAGE_SIZE, before });
  const { data, error, refresh } = usePoll((signal) => api(url(), { signal }), [path, level]);
  const { events, next, older, failure, busy } = useHistory(data, level, url);
  return html`<section class="panel" aria-labelledby="events-title">
    <header class="panel-head"><h2 id="events-title">Events</h2>
      <div class="filter"><select name="level" aria-label="Level" onChange=${(event) => change({ level: event.target.value === 'info' ? '' : event.target.value })}>
        ${LEVELS.map(([value, text]) => html`<option value=${value} selected=${value === level}>${text}</option>`)}
      </select></div></header>
    <${LoadError} error=${error} stale=${events.length} onRetry=${refresh} />
    ${!data && !error && html`<${Loading} what="the events" />`}
    ${data && !events.length && html`<${Empty} icon="clock" title=${level === 'debug' ? 'This agent has not reported anything yet.' : 'Nothing at this level.'}>
      ${level === 'debug' ? 'Events arrive with its next poll.' : html`<button type="button" class="outline small" onClick=${() => change({ level: 'debug' })}>Show everything</button>`}</${Empty}>`}
    <ol class="events">${events.map((event) => html`<${Event} key=${keyOf(event)} event=${event} />`)}</ol>
    <${ActError} error=${failure} />
    ${next && html`<p class="more"><button type="button" class="secondary outline small" disabled=${busy} aria-busy=${busy} onClick=${older}>Load older events</button></p>`}
  </section>`;
}

// Gathers pages into one list. The cursor of the oldest page stays the same however many new events arrive on top.
function useHistory(data, level, url) {
  const [list, setList] = useState({ level, events: [], next: null, begun: false });
  const [act, { busy, error }] = useAct();
  const now = useRef();
  now.current = level;
  useEffect(() => {
    if (!data) return;
    setList((old) => {
      const base = old.level === level ? old : { level, events: [], next: null, begun: false };
      const known = new Set(data.items.map(keyOf));
      const rest = base.events.filter((event) => !known.has(keyOf(event)));
      return { level, events: [...data.items, ...rest], next: base.begun ? base.next : data.next, begun: base.begun };
    });
  }, [data]);
  const older = () => act(async () => {
    const page = await api(url(list.next));
    setList((old) => {
      if (now.current !== level) return old; // the filter was changed meanwhile
      const known = new Set(old.events.map(keyOf));
      return { level, events: [...old.events, ...page.items.filter((event) => !known.has(keyOf(event)))], next: page.next, begun: true };
    });
  });
  return { events: list.events, next: list.next, older, failure: error, busy };
}

function Event({ event }) {
  const facts = Object.entries(event.metadata ?? {});
  return html`<li class="event">
    <${Time} ms=${event.time_ms} as="stamp" /><${Level} value=${event.level} /><span class="kind">${event.kind}</span>
    <div class="event-text"><p>${event.message}</p>${facts.length > 0 && html`<details><summary>Details</summary>
      <dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${typeof value === 'string' ? value : JSON.stringify(value)}</dd></div>`)}</dl></details>`}</div>
  </li>`;
}
