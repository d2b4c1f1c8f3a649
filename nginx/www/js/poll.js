// Keeps a piece of the page fresh: load, wait, load again. It stops while the tab is hidden, never runs twice at once,
// backs off while the server is away, and keeps the last good data on the page in the meantime.
import { useCallback, useEffect, useRef, useState } from '/vendor/preact.js';
import { connected, watchTopics } from './live.js';

const SLOWEST_MS = 60000;
const USUAL_MS = 5000;
const LIVE_MS = 20000; // while changes are told: for what is none, such as time going by
const LEAST_MS = 3000; // a fleet in which something changes every second must not be asked for as often

// load(signal) -> data. When a value in deps changes, it loads at once; the old data stays until the new is there.
// everyMs is a number, or a function of the data (a running backup is worth a closer look); 0 loads once. With topics it
// also loads when the server says that one of them has moved, and seldom in between.
export function usePoll(load, deps, everyMs = USUAL_MS, topics = null) {
  const [state, setState] = useState({ data: null, error: null, loading: true });
  const latest = useRef();
  latest.current = { load, everyMs };
  const again = useRef(() => {});

  useEffect(() => {
    const life = new AbortController();
    let timer = 0;
    let busy = false;
    let asked = false;
    let loaded = false;
    let failures = 0;
    let begun = 0;
    let told = false;

    const wait = (data, error) => {
      const every = latest.current.everyMs;
      const soon = typeof every === 'function' ? every(data) : every;
      if (!soon) return;
      const base = topics && connected.get() && soon >= USUAL_MS ? Math.max(soon, LIVE_MS) : soon;
      const backoff = Math.min(SLOWEST_MS, base * 2 ** failures);
      timer = setTimeout(run, Math.max(backoff, (error?.retryAfterS ?? 0) * 1000));
    };

    async function run() {
      clearTimeout(timer);
      if (busy) {
        asked = true; // something changed while a load was on its way: its answer may be old already
        return;
      }
      if (document.hidden && loaded) return; // becoming visible runs it again
      busy = true;
      begun = Date.now();
      let data = null;
      let error = null;
      try {
        data = await latest.current.load(life.signal);
        failures = 0;
        loaded = true;
      } catch (cause) {
        error = cause;
        failures += 1;
      }
      busy = false;
      if (life.signal.aborted) return;
      setState((old) => (error ? { ...old, error, loading: false } : { data, error: null, loading: false }));
      if (asked) {
        asked = false;
        run();
      } else if (told && !error) timer = setTimeout(run, LEAST_MS);
      else wait(data, error);
      told = false;
    }

    const onChange = () => {
      told = busy; // what is on its way may have been read before the change
      if (busy || !loaded) return;
      clearTimeout(timer);
      timer = setTimeout(run, Math.max(0, begun + LEAST_MS - Date.now()));
    };
    const unwatch = topics ? watchTopics(topics, onChange) : () => {};
    const onVisible = () => document.hidden || run();
    document.addEventListener('visibilitychange', onVisible);
    again.current = run;
    setState((old) => ({ ...old, loading: true }));
    run();
    return () => {
      life.abort();
      clearTimeout(timer);
      unwatch();
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, deps);

  const refresh = useCallback(() => again.current(), []);
  return { ...state, refresh };
}
