// What an agent has reported, newest first: the newest keep arriving, older ones are loaded on request.
import { html, useEffect, useRef, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { watchLog } from '../live.js';
import { usePoll } from '../poll.js';
import { useQuery, withQuery } from '../router.js';
import { Level } from './badge.js';
import { Button } from './button.js';
import { ActError, useAct } from './dialog.js';
import { Export, Search } from './filters.js';
import { Empty, LoadError, Loading } from './notice.js';
import { Panel } from './panel.js';
import { Time } from './time.js';

const PAGE_SIZE = 50;
const MOST = 2000;
const POLL_MS = 5000;
const LIVE_MS = 30000; // the stream tells the rest
const LOT_MS = 200;
const USUAL = 'info';
const LEVELS = [
  ['debug', 'Everything'], ['info', 'Info and above'], ['warning', 'Warnings and errors'], ['error', 'Errors only'],
];

const keyOf = (event) => `${event.epoch}:${event.seq}`;

// Follows the agent as it speaks; without the stream it polls. Paused, the list stays as it is, to be read in peace.
export function Events({ path, agentId }) {
  const [query, change] = useQuery();
  const [paused, setPaused] = useState(false);
  const level = query.level || USUAL;
  const q = query.find ?? '';
  const url = (before) => withQuery(`${path}/events`, { level, q, limit: PAGE_SIZE, before });
  const { told, live } = useLog(agentId, level, q, paused);
  const poll = usePoll((signal) => (paused ? Promise.resolve(null) : api(url(), { signal })), [path, level, q, paused], () => (live ? LIVE_MS : POLL_MS));
  const { events, next, older, failure, busy, begun } = useHistory(poll.data, told, JSON.stringify([level, q]), url);
  // The other lists of the page stay where they are.
  const choose = (patch) => change({ page: query.page ?? '', ...patch }, { replace: 'find' in patch });
  const chooseLevel = (value) => choose({ level: value === USUAL ? '' : value });
  const csv = withQuery(`${path}/events`, { level, q, format: 'csv' });
  const aside = html`<span class="aside">
    <span class="muted small-text" role="status">${paused ? 'paused' : live ? 'live' : ''}</span>
    <${Button} look="quiet" icon=${paused ? 'play' : 'pause'} aria-pressed=${paused}
      onClick=${() => setPaused(!paused)}>${paused ? 'Follow' : 'Pause'}</${Button}>
    <${Export} list=${{ csv }} what="the events" />
    <${LevelChoice} level=${level} onChoose=${chooseLevel} /></span>`;
  return html`<${Panel} id="events" title="Events" aside=${aside}>
    <div class="filters"><${Search} name="find" label="Search the events" value=${q} onSearch=${(find) => choose({ find })} /></div>
    <${LoadError} error=${poll.error} stale=${begun} onRetry=${poll.refresh} />
    ${!begun ? !poll.error && html`<${Loading} what="the events" />` : events.length
      ? html`<ol class="events">${events.map((event) => html`<${Event} key=${keyOf(event)} event=${event} />`)}</ol>`
      : html`<${Nothing} level=${level} q=${q} onChoose=${choose} />`}
    <${ActError} error=${failure} />
    ${next && html`<p class="more">
      <${Button} look="quiet" disabled=${busy} aria-busy=${busy} onClick=${older}>Load older events</${Button}>
    </p>`}
  </${Panel}>`;
}

// What the stream has told since it began, newest first, in lots: a talkative agent must not draw the page anew for each.
function useLog(agentId, level, q, paused) {
  const [state, setState] = useState({ told: [], live: false });
  useEffect(() => {
    if (paused) return undefined;
    let lot = [];
    let timer = 0;
    const flush = () => {
      timer = 0;
      const news = lot.reverse();
      lot = [];
      setState((old) => ({ ...old, told: news }));
    };
    const stop = watchLog(agentId, level, (event) => {
      if (!hasText(event, q)) return;
      lot.push(event);
      timer ||= setTimeout(flush, LOT_MS);
    }, (live) => setState((old) => ({ ...old, live })));
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [agentId, level, q, paused]);
  return state;
}

// As the server looks for it, in what the stream tells.
function hasText({ kind, message, metadata }, q) {
  const text = q.toLowerCase();
  return [kind, message, JSON.stringify(metadata ?? {})].some((each) => each.toLowerCase().includes(text));
}

function LevelChoice({ level, onChoose }) {
  return html`<div class="filter">
    <select name="level" aria-label="Level" onChange=${(event) => onChoose(event.target.value)}>
      ${LEVELS.map(([value, text]) => html`<option value=${value} selected=${value === level}>${text}</option>`)}
    </select>
  </div>`;
}

function Nothing({ level, q, onChoose }) {
  if (q) {
    return html`<${Empty} icon="clock" title="No event matches.">
      <${Button} onClick=${() => onChoose({ find: '' })}>Show all of this level</${Button}>
    </${Empty}>`;
  }
  if (level === 'debug') {
    return html`<${Empty} icon="clock" title="This agent has not reported anything yet.">
      Events arrive with its next poll.
    </${Empty}>`;
  }
  return html`<${Empty} icon="clock" title="Nothing at this level.">
    <${Button} onClick=${() => onChoose({ level: 'debug' })}>Show everything</${Button}>
  </${Empty}>`;
}

// Gathers pages, and what is told in between, into one list; view: which of them, and what else is another list. The cursor of the oldest page stays the same however many
// new events arrive on top.
function useHistory(data, told, view, url) {
  const empty = { view, events: [], next: null, begun: false, older: false };
  const [list, setList] = useState(empty);
  const [act, { busy, error }] = useAct();
  const chosen = useRef();
  chosen.current = view;
  const merge = (news, page) => setList((old) => {
    const base = old.view === view ? old : empty;
    const all = [...news, ...without(base.events, news)];
    // After hours of following, the oldest go; they can be loaded again.
    const cut = all.length > MOST;
    const events = cut ? all.slice(0, MOST) : all;
    return { ...base, events, begun: base.begun || Boolean(page), next: page && !base.older ? page.next : base.next };
  });
  useEffect(() => {
    if (data) merge(data.items, data);
  }, [data]);
  useEffect(() => {
    if (told.length) merge(told, null);
  }, [told]);
  const older = () => act(async () => {
    const page = await api(url(list.next));
    if (chosen.current !== view) return; // another level was chosen meanwhile
    setList((old) => ({ ...old, events: [...old.events, ...without(page.items, old.events)], next: page.next, older: true }));
  });
  const shown = list.view === view ? list : empty;
  return { ...shown, older, failure: error, busy };
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
