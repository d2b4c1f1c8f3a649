// Which part of a long list is shown, and the way to the rest. Pages are links: they can be opened, copied, gone back to.
import { html } from '/vendor/preact.js';
import { place, queryOf, withQuery } from '../router.js';
import { useStore } from '../store.js';
import { formatCount } from '../format.js';
import { Icon } from './icon.js';

export const pageOf = (query, name = 'page') => Math.max(1, Math.trunc(Number(query[name])) || 1);

// name: of the page in the address, where a page has several lists.
export function Pager({ total, size, page, what, name = 'page' }) {
  const here = useStore(place);
  const query = queryOf(here);
  const pages = Math.max(1, Math.ceil(total / size));
  if (total <= size && page === 1) return null;
  const first = Math.min(total, (page - 1) * size + 1);
  const last = Math.min(total, page * size);

  const step = (to, label, icon) => {
    if (to < 1 || to > pages) {
      return html`<span class="page off" aria-disabled="true">
        <${Icon} name=${icon} /><span class="sr">${label}</span>
      </span>`;
    }
    const href = withQuery(here.path, { ...query, [name]: to > 1 ? to : '' });
    return html`<a class="page" href=${href} aria-label=${label}><${Icon} name=${icon} /></a>`;
  };
  return html`<nav class="pager" aria-label=${`Pages of ${what}`}>
    <span>${formatCount(first)}–${formatCount(last)} of ${formatCount(total)}</span>
    <span class="pages">
      ${step(page - 1, 'Previous page', 'back')}
      <span>Page ${formatCount(page)} of ${formatCount(pages)}</span>
      ${step(page + 1, 'Next page', 'next')}
    </span>
  </nav>`;
}
