// Short notes on what was just done. The region is always in the page: a live region that appears together with its
// text is not announced.
import { html } from '/vendor/preact.js';
import { createStore, useStore } from '../store.js';
import { IconButton } from './button.js';
import { Icon } from './icon.js';

const SHOWN_MS = 7000;
const toasts = createStore([]);
let nextId = 1;

export function toast(text, tone = 'good') {
  const note = { id: nextId++, text, tone };
  toasts.set([...toasts.get().slice(-3), note]);
  // What went wrong stays until it is read.
  if (tone !== 'bad') setTimeout(() => dismiss(note.id), SHOWN_MS);
}

const dismiss = (id) => toasts.set(toasts.get().filter((note) => note.id !== id));

export function Toasts() {
  const notes = useStore(toasts);
  return html`<div class="toasts" role="status" aria-live="polite">
    ${notes.map((note) => html`<div class=${`toast ${note.tone}`} key=${note.id}>
      <${Icon} name=${note.tone === 'bad' ? 'warning' : 'check'} /><span>${note.text}</span>
      <${IconButton} icon="cross" label="Dismiss" onClick=${() => dismiss(note.id)} />
    </div>`)}
  </div>`;
}
