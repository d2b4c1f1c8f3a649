// All agents, with the room of a page of its own.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { BulkBar, useChoice } from '../components/bulk.js';
import { FleetList } from '../components/fleet-list.js';
import { StateTiles } from '../components/state-tiles.js';
import { PageHead } from '../components/title.js';
import { usePoll } from '../poll.js';
import { useQuery } from '../router.js';

const MANY = { useChoice, BulkBar };

export function AgentsPage({ title }) {
  const [query] = useQuery();
  // A failed load shows in the list below, which asks the same server.
  const { data } = usePoll((signal) => api('/api/overview', { signal }), [], 5000, ['agents']);
  return html`<${PageHead} title=${title} />
    <${StateTiles} counts=${data?.agents} query=${query} current=${query.status ?? ''} />
    <${FleetList} overview=${data} many=${MANY} />`;
}
