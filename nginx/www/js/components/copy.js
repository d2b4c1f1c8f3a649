// A text to take elsewhere, with a button that copies it and says so.
import { html, useRef, useState } from '/vendor/preact.js';
import { Button } from './button.js';

const SAID_MS = 2500;

// copied: what is copied where that is not the text as it is shown.
export function CopyBlock({ label, text, id, copied = text }) {
  const [said, setSaid] = useState('');
  const code = useRef();
  const labelId = `${id}-label`;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(copied);
      setSaid('Copied');
    } catch {
      // No permission: select it, so that one key press does the rest.
      getSelection().selectAllChildren(code.current);
      setSaid('Press Ctrl+C');
    }
    setTimeout(() => setSaid(''), SAID_MS);
  };
  return html`<div class="copy">
    <div class="copy-head">
      <span class="label" id=${labelId}>${label}</span>
      <${Button} icon=${said ? 'check' : 'copy'} onClick=${copy} aria-describedby=${labelId}>${said || 'Copy'}</${Button}>
      <span class="sr" role="status">${said}</span>
    </div>
    <pre tabindex="0" aria-labelledby=${labelId} role="group"><code id=${id} ref=${code}>${text}</code></pre>
  </div>`;
}
