// The one form of a page that somebody sees who is not signed in.
import { html } from '/vendor/preact.js';
import { Logo } from './layout.js';
import { useTitle } from './title.js';

export function Gate({ title, onSubmit, wide, form, children, ...rest }) {
  useTitle(title);
  return html`<main class="login">
    <form onSubmit=${onSubmit} class=${`panel ${wide ? 'wide' : ''}`} aria-labelledby="gate-title" ref=${form} ...${rest}>
      <p class="brand"><${Logo} />Muster</p>
      <h1 id="gate-title">${title}</h1>
      ${children}
    </form>
  </main>`;
}
