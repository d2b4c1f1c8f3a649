// A value that components can watch. The pages have four of them (session, place, toasts, clock); a state library for
// that would be larger than all of this file's users together.
import { useEffect, useState } from '/vendor/preact.js';

export function createStore(value) {
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const watcher of [...watchers]) watcher(value);
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

export function useStore(store) {
  const [value, setValue] = useState(store.get());
  useEffect(() => {
    setValue(store.get()); // it may have changed between the first render and this effect
    return store.watch(setValue);
  }, [store]);
  return value;
}
