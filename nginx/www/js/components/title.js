// The name of a page: its heading, the way back up, and what the tab and the history show.
import { html, useEffect } from '/vendor/preact.js';
import { Icon } from './icon.js';
import { Empty, LoadError, Loading } from './notice.js';

export function useTitle(title) {
  useEffect(() => {
    document.title = title ? `${title} · Muster` : 'Muster';
  }, [title]);
}

// children stand beside the heading: a state, what can be done.
export function PageHead({ title, heading = title, children }) {
  useTitle(title);
  return html`<header class="page-head"><h1>${heading}</h1>${children}</header>`;
}

export function Crumbs({ href, label, here }) {
  return html`<nav aria-label="Breadcrumb" class="crumbs">
    <a href=${href}>${label}</a><${Icon} name="next" /><span aria-current="page">${here}</span>
  </nav>`;
}

// The page of one thing that is not there yet, or not at all; children say where to look instead.
export function NotThere({ poll: { error, refresh }, title, what, children }) {
  if (error?.status === 404) {
    return html`<${PageHead} title=${`No such ${what}`} />
      <section class="panel">
        <${Empty} title=${`This ${what} is not here any more, or it is not yours to see.`}>${children}</${Empty}>
      </section>`;
  }
  return html`<${PageHead} title=${title} />
    ${error ? html`<${LoadError} error=${error} onRetry=${refresh} />` : html`<${Loading} what=${`the ${what}`} />`}`;
}
