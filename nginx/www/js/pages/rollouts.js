// Every rollout, newest first.
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { Icon } from '../components/icon.js';
import { Empty } from '../components/notice.js';
import { Pager, pageOf } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { RolloutTable } from '../components/rollout-list.js';
import { ROLLOUT_STATES } from '../components/update-badge.js';
import { UpdatesHead } from '../components/updates-head.js';
import { plural } from '../format.js';
import { usePoll } from '../poll.js';
import { rolloutsEveryMs } from '../rollout.js';
import { useQuery, withQuery } from '../router.js';

const PAGE_SIZE = 50;

export function RolloutsPage({ title }) {
  const [query] = useQuery();
  const page = pageOf(query);
  const state = query.state ?? '';
  const url = withQuery('/api/rollouts', { state, limit: PAGE_SIZE, offset: (page - 1) * PAGE_SIZE });
  const poll = usePoll((signal) => api(url, { signal }), [url], rolloutsEveryMs);
  const aside = html`<span class="muted" role="status">${poll.data && plural(poll.data.total, 'rollout')}</span>
    <${Choices} state=${state} />`;
  return html`<${UpdatesHead} title=${title}><${StartLink} /></${UpdatesHead}>
    <${Panel} id="rollouts" title="Rollouts" aside=${aside}>
      <${Remote} poll=${poll} what="the rollouts">${({ items, total }) => html`
        ${items.length ? html`<${RolloutTable} rollouts=${items} busy=${poll.loading} />` : html`<${None} state=${state} />`}
        <${Pager} total=${total} size=${PAGE_SIZE} page=${page} what="rollouts" />`}
      </${Remote}>
    </${Panel}>`;
}

const StartLink = () => may('operator') && html`<a href="/rollouts/new" role="button" class="small">
  <${Icon} name="plus" />Start a rollout</a>`;

function Choices({ state }) {
  const choice = (value, label) => html`<a href=${withQuery('/rollouts', { state: value })} key=${value}
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
