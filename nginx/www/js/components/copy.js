// A text to take elsewhere, with a button that copies it and says so.
import { html, useRef, useState } from '/vendor/preact.js';
import { Icon } from './icon.js';

const SAID_MS = 2500;

export function CopyBlock({ label, text, id }) {
  const [said, setSaid] = useState('');
  const code = useRef();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      // No permission: select it, so that one key press does the rest.
      getSelection().selectAllChildren(code.current);
      setSaid('Press Ctrl+C');
    }
    setTimeout(() => setSaid(''), SAID_MS);
  };
  return html`<div class="copy">
    <div class="copy-head"><span class="label" id=${`${id}-label`}>${label}</span>
      <button type="button" class="outline small" onClick=${copy} aria-describedby=${`${id}-label`}><${Icon} name=${said ? 'check' : 'copy'} />${said || 'Copy'}</button>
      <span class="sr" role="status">${said}</span>
    </div>
    <pre tabindex="0" aria-labelledby=${`${id}-label`} role="group"><code id=${id} ref=${code}>${text}</code></pre>
  </div>`;
}
