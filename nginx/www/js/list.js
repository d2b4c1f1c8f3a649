// A list that the server searches, filters, sorts and pages. The address holds all of it, so a view can be shared, gone
// back to and loaded again.
import { api } from './api.js';
import { pageOf } from './components/pager.js';
import { usePoll } from './poll.js';
import { place, queryOf, useQuery, withQuery } from './router.js';

// path: of the API; prefix: of this list's names in the address, where a page has several; filters: their names;
// sort, order: the usual ones, left out of the address; fixed: what is asked for in any case.
export function useList(path, options) {
  const { prefix = '', filters = ['q'], sort, order = 'asc', size = 50, fixed = {}, everyMs, topics, deps = [] } = options;
  const [query, changeQuery] = useQuery();
  const at = (name) => `${prefix}${name}`;
  const own = (name) => query[at(name)] ?? '';
  const page = pageOf(query, at('page'));
  const by = own('sort') || sort;
  const way = own('order') || (by === sort ? order : 'asc');
  const chosen = Object.fromEntries(filters.map((name) => [name, own(name)]));
  const asked = { ...fixed, ...chosen, sort: by, order: way };
  const url = withQuery(path, { ...asked, limit: size, offset: (page - 1) * size });
  const poll = usePoll((signal) => api(url, { signal }), [url, ...deps], everyMs, topics);
  const change = (patch, how) => {
    const named = Object.fromEntries(Object.entries(patch).map(([name, value]) => [at(name), value]));
    // The other lists of the page stay where they are.
    changeQuery({ page: prefix ? queryOf(place.get()).page ?? '' : '', [at('page')]: '', ...named }, how);
  };
  const setSort = (next, to) => {
    const usual = next === sort && to === order;
    change({ sort: usual ? '' : next, order: usual ? '' : to });
  };
  const filtered = filters.some((name) => chosen[name]);
  return {
    poll, page, size, chosen, filtered, change, asked,
    pageName: at('page'),
    sorting: { by, order: way, change: setSort },
    clear: () => change(Object.fromEntries(filters.map((name) => [name, '']))),
    csv: withQuery(path, { ...asked, format: 'csv' }),
    here: () => place.get().path,
  };
}
