// Now, as the server sees it. Relative times compare the server's stamps with the server's clock: a laptop that is five
// minutes slow would otherwise show agents seen "in 5 minutes".
import { createStore } from './store.js';

const TICK_MS = 5000;
let offsetMs = 0;

export const now = () => Date.now() + offsetMs;

export function setServerTime(serverTimeMs) {
  if (Number.isFinite(serverTimeMs)) offsetMs = serverTimeMs - Date.now();
}

// One timer for every relative time on the page.
export const clock = createStore(now());
setInterval(() => document.hidden || clock.set(now()), TICK_MS);
document.addEventListener('visibilitychange', () => document.hidden || clock.set(now()));
