// A titled box of a page, and what stands in it until the server has answered.
import { html } from '/vendor/preact.js';
import { LoadError, Loading } from './notice.js';

// aside stands at the end of the heading's line: a count, a link, a button.
export function Panel({ id, title, aside, look = '', children }) {
  return html`<section class=${`panel ${look}`} aria-labelledby=${`${id}-title`}>
    <header class="panel-head"><h2 id=${`${id}-title`}>${title}</h2>${aside}</header>
    ${children}
  </section>`;
}

// poll is what usePoll gave; the child is a function of its data. Data that has arrived stays when a refresh fails.
export function Remote({ poll, what, children }) {
  const { data, error, refresh } = poll;
  return html`<${LoadError} error=${error} stale=${data} onRetry=${refresh} />
    ${data ? children(data) : !error && html`<${Loading} what=${what} />`}`;
}
