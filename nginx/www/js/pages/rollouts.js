// Every rollout, newest first.
import { html } from '/vendor/preact.js';
import { may } from '../api.js';
import { Export, Filters } from '../components/filters.js';
import { Icon } from '../components/icon.js';
import { Empty } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { RolloutTable } from '../components/rollout-list.js';
import { ROLLOUT_STATES } from '../components/update-badge.js';
import { UpdatesHead } from '../components/updates-head.js';
import { plural } from '../format.js';
import { useList } from '../list.js';
import { rolloutsEveryMs } from '../rollout.js';
import { useQuery, withQuery } from '../router.js';

export function RolloutsPage({ title }) {
  const list = useList('/api/rollouts', {
    filters: ['q', 'state'], sort: 'created', order: 'desc', everyMs: rolloutsEveryMs, topics: ['rollouts'],
  });
  const { poll, chosen } = list;
  const aside = html`<span class="aside"><span class="muted" role="status">${poll.data && plural(poll.data.total, 'rollout')}</span>
    <${Export} list=${list} what="the rollouts" /></span><${Choices} state=${chosen.state} />`;
  return html`<${UpdatesHead} title=${title}><${StartLink} /></${UpdatesHead}>
    <${Panel} id="rollouts" title="Rollouts" aside=${aside}>
      <${Filters} list=${list} what="the rollouts" search="Search version or id" />
      <${Remote} poll=${poll} what="the rollouts">${({ items, total }) => html`
        ${items.length ? html`<${RolloutTable} rollouts=${items} busy=${poll.loading} sorting=${list.sorting} />`
          : html`<${None} state=${chosen.state || chosen.q} />`}
        <${Pager} total=${total} size=${list.size} page=${list.page} what="rollouts" />`}
      </${Remote}>
    </${Panel}>`;
}

const StartLink = () => may('operator') && html`<a href="/rollouts/new" role="button" class="small">
  <${Icon} name="plus" />Start a rollout</a>`;

function Choices({ state }) {
  const [query] = useQuery();
  const choice = (value, label) => html`<a href=${withQuery('/rollouts', { ...query, page: '', state: value })} key=${value}
    aria-current=${value === state ? 'true' : undefined}>${label}</a>`;
  return html`<nav class="choices" aria-label="Rollouts by state">
    ${choice('', 'All')}${Object.entries(ROLLOUT_STATES).map(([value, { label }]) => choice(value, label))}
  </nav>`;
}

function None({ state }) {
  if (state) {
    return html`<${Empty} icon="rows" title="No rollout in this state."><a href="/rollouts">Show all rollouts</a></${Empty}>`;
  }
  return html`<${Empty} icon="rows" title="No rollout yet.">
    A rollout gives a published release to agents in stages, and pauses itself when too many fail.
    <p><a href="/releases">See the releases</a></p>
  </${Empty}>`;
}
