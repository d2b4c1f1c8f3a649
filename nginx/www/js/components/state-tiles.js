// The fleet in six numbers; each leads to the agents it counts.
import { html } from '/vendor/preact.js';
import { formatCount } from '../format.js';
import { withQuery } from '../router.js';
import { AGENT_STATES } from './badge.js';
import { Icon } from './icon.js';

const ALL = { label: 'All agents', icon: 'server', tone: 'all', hint: 'every agent you may see' };

// query: the filters to keep when a tile is followed; current: the state chosen now ('' = all), or nothing.
export function StateTiles({ counts, query = {}, current }) {
  const tile = (state, { label, icon, tone, hint }) => {
    const count = counts?.[state || 'total'];
    const href = withQuery('/agents', { ...query, page: '', status: state });
    return html`<li key=${state}>
      <a class=${`tile ${tone} ${count ? '' : 'zero'}`} href=${href} title=${hint}
        aria-current=${current === state ? 'true' : undefined}>
        <span class="tile-label"><${Icon} name=${icon} />${label}</span>
        <strong>${count === undefined ? '–' : formatCount(count)}</strong>
      </a>
    </li>`;
  };
  return html`<nav aria-label="Agents by state">
    <ul class="tiles">${tile('', ALL)}${Object.entries(AGENT_STATES).map(([state, look]) => tile(state, look))}</ul>
  </nav>`;
}
