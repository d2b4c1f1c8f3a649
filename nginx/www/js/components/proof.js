// Whether a backup is known to come back. "Proven": it was decrypted, decompressed and read to its end. "Intact": its
// bytes are the ones that were stored, which is all that can be said without its key.
import { html } from '/vendor/preact.js';
import { Icon } from './icon.js';
import { Time } from './time.js';

export function Proof({ run }) {
  if (run.verifyError) return html`<span class="badge bad" title=${run.verifyError}><${Icon} name="cross" />Damaged</span>`;
  if (run.proven_ms) return html`<span class="pair"><span class="badge good"><${Icon} name="shield" />Proven</span><${Time} ms=${run.proven_ms} /></span>`;
  if (run.intact_ms) return html`<span class="pair"><span class="badge calm"><${Icon} name="check" />Intact</span><${Time} ms=${run.intact_ms} /></span>`;
  return html`<span class="muted">not tried yet</span>`;
}
