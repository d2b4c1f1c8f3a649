// Acts that the server does only for somebody who has just shown once more that it is them. The request waits here until
// the dialog of components/step-up.js is through with it; one dialog at a time, for one act and its target.
import { createStore } from './store.js';

// What is asked for at present, or null: {action, target, proof, done(error)}.
export const asked = createStore(null);

const waiting = [];

function next() {
  asked.set(waiting[0] ?? null);
}

// refusal: {action, target, proof} of the server. Resolves once it may be tried again; rejects with what done() was
// given, or when signal says that nobody waits any more.
export function askStepUp(refusal, signal) {
  return new Promise((resolve, reject) => {
    const one = {
      ...refusal,
      done(error) {
        const at = waiting.indexOf(one);
        if (at < 0) return;
        waiting.splice(at, 1);
        signal?.removeEventListener('abort', leave);
        next();
        if (error) reject(error);
        else resolve();
      },
    };
    const leave = () => one.done(signal.reason);
    signal?.addEventListener('abort', leave);
    waiting.push(one);
    next();
  });
}

// Nobody is there to answer: signed out, or gone to another page.
export function dropStepUps(error) {
  for (const one of [...waiting]) one.done(error);
}
