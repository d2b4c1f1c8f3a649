// What changes on the server, as it happens: one stream for the whole tab, which only says by topic "look again". Whoever
// watches a topic is called; what has changed is asked for as always. Without the stream everything polls.
import { session } from './api.js';
import { createStore } from './store.js';

const LINGER_MS = 2000; // between two pages nobody watches for a moment
const AGAIN_MS = 5000;
const SLOWEST_MS = 60000;

// Whether the stream is up: those who poll may then do so seldom.
export const connected = createStore(false);

const watchers = new Set();
let source = null;
let timer = 0;
let failures = 0;

const wanted = () => watchers.size > 0 && !document.hidden && Boolean(session.get());

function tell(topics) {
  for (const watcher of [...watchers]) {
    if (!topics || watcher.topics.some((topic) => topics.includes(topic))) watcher.call();
  }
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
  connected.set(false);
}

function open() {
  clearTimeout(timer);
  source = new EventSource('/api/live');
  source.addEventListener('begun', () => {
    failures = 0;
    connected.set(true);
    tell(null); // something may have changed while nobody listened
  });
  source.addEventListener('changed', (event) => tell(JSON.parse(event.data).topics));
  source.onerror = () => {
    connected.set(false);
    // A stream that was cut off comes back by itself; one that was refused does not.
    if (source?.readyState !== EventSource.CLOSED) return;
    close();
    failures += 1;
    timer = setTimeout(update, Math.min(SLOWEST_MS, AGAIN_MS * 2 ** failures));
  };
}

function update() {
  if (wanted() && !source) open();
  if (!wanted() && source) close();
}

const updateSoon = () => {
  clearTimeout(timer);
  timer = setTimeout(update, wanted() ? 0 : LINGER_MS);
};

document.addEventListener('visibilitychange', update);
session.watch(update);

// Calls back when one of the topics has moved; gives the way to stop.
export function watchTopics(topics, call) {
  const watcher = { topics, call };
  watchers.add(watcher);
  updateSoon();
  return () => {
    watchers.delete(watcher);
    updateSoon();
  };
}

// An agent's events as they come in: onEvent(event) for each, onState(up). Gives the way to stop. Hidden tabs hear nothing,
// and take up where they were.
export function watchLog(agentId, level, onEvent, onState) {
  let log = null;
  let again = 0;
  const stop = () => {
    clearTimeout(again);
    log?.close();
    log = null;
    onState(false);
  };
  const start = () => {
    clearTimeout(again);
    if (document.hidden || log) return;
    log = new EventSource(`/api/live?agent=${encodeURIComponent(agentId)}&level=${level}`);
    log.addEventListener('begun', () => onState(true));
    log.addEventListener('log', (event) => onEvent(JSON.parse(event.data)));
    log.onerror = () => {
      const refused = log?.readyState === EventSource.CLOSED;
      onState(false);
      if (!refused) return;
      stop();
      again = setTimeout(start, SLOWEST_MS / 4);
    };
  };
  const onVisible = () => (document.hidden ? stop() : start());
  document.addEventListener('visibilitychange', onVisible);
  start();
  return () => {
    document.removeEventListener('visibilitychange', onVisible);
    stop();
  };
}
