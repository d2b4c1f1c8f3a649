// The small buttons of the pages. The one large button of a form is a plain <button type="submit">.
import { html } from '/vendor/preact.js';
import { Icon } from './icon.js';

const LOOKS = { main: '', plain: 'outline', quiet: 'secondary outline', danger: 'danger outline' };

export function Button({ look = 'plain', icon, children, ...rest }) {
  return html`<button type="button" class=${`${LOOKS[look]} small`} ...${rest}>
    ${icon && html`<${Icon} name=${icon} />`}${children}
  </button>`;
}

// An icon alone, so label is all that assistive technology has.
export function IconButton({ icon, label, onClick }) {
  return html`<button type="button" class="bare" aria-label=${label} onClick=${onClick}><${Icon} name=${icon} /></button>`;
}
