// One box for everything, opened by Ctrl-K or from the header; what is in it is fetched the first time.
import { html, useLayoutEffect, useState } from '/vendor/preact.js';
import { later } from '../later.js';
import { Icon } from './icon.js';

const Finder = later(() => import('./finder.js'), 'Finder');

export const isApple = /Mac|iPhone|iPad/.test(navigator.platform);

// The button in the header, and the keys that do the same.
export function Palette() {
  const [open, setOpen] = useState(false);
  // With the button, not a frame later: a key pressed as soon as it is seen counts.
  useLayoutEffect(() => {
    const onKey = (event) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      if (document.querySelector('dialog[open]:not(.palette)')) return; // one dialog at a time
      event.preventDefault();
      if (!event.repeat) setOpen((was) => !was); // held down is pressed once
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return html`<button type="button" class="find" onClick=${() => setOpen(true)} aria-haspopup="dialog"
      aria-keyshortcuts=${isApple ? 'Meta+K' : 'Control+K'}>
      <${Icon} name="search" /><span>Search</span><kbd>${isApple ? '⌘K' : 'Ctrl K'}</kbd>
    </button>
    ${open && html`<${Finder} onClose=${() => setOpen(false)} />`}`;
}
