// One agent: what it is, what it backs up, what it has done and said.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { AgentActions, Approve } from '../components/agent-actions.js';
import { AgentState } from '../components/badge.js';
import { Configs } from '../components/configs.js';
import { Events } from '../components/events.js';
import { Icon } from '../components/icon.js';
import { Empty, LoadError, Loading } from '../components/notice.js';
import { Pager, pageOf } from '../components/pager.js';
import { RunTable, runsEveryMs } from '../components/runs.js';
import { Time } from '../components/time.js';
import { useTitle } from '../components/title.js';
import { now } from '../clock.js';
import { formatDuration, formatPlatform } from '../format.js';
import { usePoll } from '../poll.js';
import { useQuery } from '../router.js';

const RUNS_SHOWN = 10;
const SOON_MS = 3 * 864e5; // renewal is due at a third of 30 days: three days left means that it does not happen

export function AgentPage({ id, title }) {
  const path = `/api/agents/${encodeURIComponent(id)}`;
  const { data, error, refresh } = usePoll((signal) => api(path, { signal }), [path]);
  const [asked, setAsked] = useState(0); // counts "back up now", so that the runs are looked at straight away
  const agent = data?.agent;
  useTitle(agent?.name ?? title);
  if (!agent) {
    if (error?.status === 404) {
      return html`<h1>No such agent</h1><section class="panel"><${Empty} title="This agent is not here any more, or it is not yours to see.">
        <a href="/agents">Find another agent</a></${Empty}></section>`;
    }
    return html`<h1>${title}</h1>${error ? html`<${LoadError} error=${error} onRetry=${refresh} />` : html`<${Loading} what="the agent" />`}`;
  }
  return html`
    <nav aria-label="Breadcrumb" class="crumbs"><a href="/agents">Agents</a><${Icon} name="next" /><span aria-current="page">${agent.name}</span></nav>
    <header class="page-head"><h1>${agent.name}</h1><${AgentState} value=${agent.status} /><${AgentActions} agent=${agent} onChange=${refresh} /></header>
    <${LoadError} error=${error} stale onRetry=${refresh} />
    <${StateNotice} agent=${agent} onChange=${refresh} />
    <${Facts} agent=${agent} />
    <${Configs} agent=${agent} onAsked=${() => setAsked(asked + 1)} />
    <${AgentRuns} path=${path} asked=${asked} />
    <${Events} path=${path} />`;
}

// A state that keeps an agent from its work says what it means and what to do.
function StateNotice({ agent, onChange }) {
  if (agent.status === 'quarantined') {
    return html`<div class="notice warn"><${Icon} name="shield" />
      <p><strong>Quarantined.</strong> Another host used the same one-time password, so this one may not be the host you meant. Check its host name and address below; approve it if it is, delete it if not.</p>
      <${Approve} agent=${agent} onChange=${onChange} /></div>`;
  }
  if (agent.status === 'deactivated') {
    return html`<div class="notice calm"><${Icon} name="pause" /><p><strong>Deactivated.</strong> Its key is refused and no backup runs. Its identity, events and backups are kept; activate it to go on.</p></div>`;
  }
  return null;
}

function Facts({ agent }) {
  const expiry = agent.certificateNotAfter_ms;
  const left = expiry ? expiry - now() : null;
  const fact = (label, value, wide) => html`<div class=${wide ? 'wide' : ''}><dt>${label}</dt><dd>${value}</dd></div>`;
  return html`<section class="panel" aria-labelledby="facts-title">
    <h2 id="facts-title" class="sr">Facts</h2>
    <dl class="facts">
      ${fact('Last seen', html`<${Time} ms=${agent.last_seen_ms} />`)}
      ${fact('Host name', agent.hostname || '–')}
      ${fact('Address', agent.address || '–')}
      ${fact('Platform', formatPlatform(agent))}
      ${fact('Version', agent.version || '–')}
      ${fact('Deployment', { vm: 'Host or VM', container: 'Container' }[agent.deploymentMode] ?? (agent.deploymentMode || '–'))}
      ${fact('Up for', agent.uptimeS ? formatDuration(agent.uptimeS * 1000) : '–')}
      ${fact('Certificate', expiry
        ? html`<span class=${left < SOON_MS ? 'text-bad' : ''}>${left < 0 ? 'expired' : 'expires'} <${Time} ms=${expiry} /></span>`
        : html`<span class="muted">none, by key alone</span>`)}
      ${fact('Added', html`<${Time} ms=${agent.created_ms} as="day" />`)}
      ${fact('Id', html`<code>${agent.id}</code>`, true)}
    </dl>
  </section>`;
}

function AgentRuns({ path, asked }) {
  const [query] = useQuery();
  const page = pageOf(query);
  const url = `${path}/runs?limit=${RUNS_SHOWN}&offset=${(page - 1) * RUNS_SHOWN}`;
  const { data, error, loading, refresh } = usePoll((signal) => api(url, { signal }), [url, asked], runsEveryMs);
  return html`<section class="panel" aria-labelledby="runs-title">
    <header class="panel-head"><h2 id="runs-title">Backup runs</h2></header>
    <${LoadError} error=${error} stale=${data} onRetry=${refresh} />
    ${!data && !error && html`<${Loading} what="the runs" />`}
    ${data?.items.length === 0 && html`<${Empty} icon="archive" title="No backup has run yet.">Choose “Back up now” at one of the backups above, or add one.</${Empty}>`}
    ${data?.items.length > 0 && html`<${RunTable} label="Backup runs" runs=${data.items} withAgent=${false} busy=${loading} />`}
    ${data && html`<${Pager} total=${data.total} size=${RUNS_SHOWN} page=${page} what="backup runs" />`}
  </section>`;
}
