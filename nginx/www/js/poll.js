// Keeps a piece of the page fresh: load, wait, load again. It stops while the tab is hidden, never runs twice at once,
// backs off while the server is away, and keeps the last good data on the page in the meantime.
import { useCallback, useEffect, useRef, useState } from '/vendor/preact.js';

const SLOWEST_MS = 60000;

// load(signal) -> data. When a value in deps changes, it loads at once; the old data stays until the new is there.
// everyMs is a number, or a function of the data (a running backup is worth a closer look); 0 loads once.
export function usePoll(load, deps, everyMs = 5000) {
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

    const wait = (data, error) => {
      const every = latest.current.everyMs;
      const base = typeof every === 'function' ? every(data) : every;
      if (!base) return;
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
      } else wait(data, error);
    }

    const onVisible = () => document.hidden || run();
    document.addEventListener('visibilitychange', onVisible);
    again.current = run;
    setState((old) => ({ ...old, loading: true }));
    run();
    return () => {
      life.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, deps);

  const refresh = useCallback(() => again.current(), []);
  return { ...state, refresh };
}
