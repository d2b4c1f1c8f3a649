// What the backups of each agent take in the store, and how that has grown.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { formatBytes, formatCount } from '../format.js';
import { usePoll } from '../poll.js';
import { Chart, axis, colour } from './chart.js';
import { Panel, Remote } from './panel.js';

const SHOWN = 12;

export function Storage() {
  const poll = usePoll((signal) => api('/api/storage', { signal }), [], 30000);
  if (poll.data && !poll.data.agents.length) return null;
  const aside = poll.data && html`<span class="muted">${formatBytes(poll.data.bytes)} in all</span>`;
  return html`<${Panel} id="storage" title="Storage" aside=${aside}>
    <${Remote} poll=${poll} what="the storage">${({ agents, history }) => html`<div class="storage">
      <${Bars} agents=${agents} />
      ${history.length > 1 && html`<${Curve} history=${history} />`}
    </div>`}</${Remote}>
  </${Panel}>`;
}

function Bars({ agents }) {
  const rows = [...agents].sort((a, b) => b.bytes - a.bytes);
  const most = Math.max(1, rows[0].bytes);
  const rest = rows.slice(SHOWN);
  return html`<ul class="bars" aria-label="Stored bytes by agent">${rows.slice(0, SHOWN).map((agent) => html`
    <li key=${agent.agentId}><a href=${agent.agentId ? `/agents/${agent.agentId}` : '/backups'} class="bar-row">
      <span class="bar-label">${agent.agentName || 'deleted agents'}</span>
      <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        <rect class="part-ground" width="100" height="10" /><rect class="part-busy" width=${(agent.bytes / most) * 100} height="10" />
      </svg>
      <span class="bar-count">${formatBytes(agent.bytes)}</span>
    </a></li>`)}
    ${rest.length > 0 && html`<li class="muted">and ${formatCount(rest.length)} more with
      ${formatBytes(rest.reduce((sum, agent) => sum + agent.bytes, 0))}</li>`}
  </ul>`;
}

function Curve({ history }) {
  const text = `From ${formatBytes(history[0].bytes)} to ${formatBytes(history.at(-1).bytes)} in ${history.length} days`;
  const make = () => ({
    options: {
      legend: { show: false }, cursor: { show: false },
      axes: [axis(), { ...axis(), size: 70, values: (_, ticks) => ticks.map(formatBytes) }],
      scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      series: [{}, { stroke: colour('--busy'), width: 2, fill: colour('--busy-soft') }],
    },
    data: [history.map((day) => day.day_ms / 1000), history.map((day) => day.bytes)],
  });
  return html`<${Chart} make=${make} text=${text} height=${180} deps=${[JSON.stringify(history)]} />`;
}
