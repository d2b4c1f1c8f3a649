// One agent: what it is, what it backs up, what it has done and said.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { AgentActions, Approve } from '../components/agent-actions.js';
import { AgentUpdates } from '../components/agent-updates.js';
import { AgentState, RUN_STATES } from '../components/badge.js';
import { Button } from '../components/button.js';
import { Configs } from '../components/configs.js';
import { Events } from '../components/events.js';
import { Fact, Facts } from '../components/facts.js';
import { Export, Filters } from '../components/filters.js';
import { Empty, LoadError, Notice } from '../components/notice.js';
import { Labels } from '../components/labels.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { RunTable, runsEveryMs } from '../components/runs.js';
import { Time } from '../components/time.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { now } from '../clock.js';
import { formatDuration, formatPlatform } from '../format.js';
import { useList } from '../list.js';
import { usePoll } from '../poll.js';

const RUNS_SHOWN = 10;
const SOON_MS = 3 * 864e5; // certificates of 30 days are renewed after 10: three days left means that it does not happen

export function AgentPage({ id, title }) {
  const path = `/api/agents/${encodeURIComponent(id)}`;
  const poll = usePoll((signal) => api(path, { signal }), [path], 5000, ['agents']);
  const [asked, setAsked] = useState(0); // counts "back up now", so that the runs are looked at straight away
  const agent = poll.data?.agent;
  if (!agent) {
    return html`<${NotThere} poll=${poll} title=${title} what="agent">
      <a href="/agents">Find another agent</a>
    </${NotThere}>`;
  }
  return html`<div>
    <${Crumbs} href="/agents" label="Agents" here=${agent.name} />
    <${PageHead} title=${agent.name}>
      <${AgentState} value=${agent.status} /><${AgentActions} agent=${agent} onChange=${poll.refresh} />
    </${PageHead}>
    <${LoadError} error=${poll.error} stale onRetry=${poll.refresh} />
    <${StateNotice} agent=${agent} onChange=${poll.refresh} />
    <${AgentFacts} agent=${agent} />
    <${AgentUpdates} agent=${agent} path=${path} />
    <${Configs} agent=${agent} onAsked=${() => setAsked(asked + 1)} />
    <${AgentRuns} path=${path} asked=${asked} />
    <${Events} path=${path} agentId=${id} />
  </div>`;
}

const QUARANTINED = html`<strong>Quarantined.</strong> Another host used the same one-time password, so this one may not
  be the host you meant. Check its host name and address below; approve it if it is, delete it if not.`;
const DEACTIVATED = html`<strong>Deactivated.</strong> Its key is refused and no backup runs. Its identity, events and
  backups are kept; activate it to go on.`;

// A state that keeps an agent from its work says what it means and what to do.
function StateNotice({ agent, onChange }) {
  if (agent.status === 'quarantined') {
    return html`<${Notice} tone="warn" icon="shield" text=${QUARANTINED}>
      <${Approve} agent=${agent} onChange=${onChange} />
    </${Notice}>`;
  }
  return agent.status === 'deactivated' && html`<${Notice} tone="calm" icon="pause" text=${DEACTIVATED} />`;
}

const DEPLOYMENTS = { vm: 'Host or VM', container: 'Container' };

function AgentFacts({ agent }) {
  return html`<section class="panel" aria-labelledby="facts-title">
    <h2 id="facts-title" class="sr">Facts</h2>
    <${Facts}>
      <${Fact} label="Last seen"><${Time} ms=${agent.last_seen_ms} /></${Fact}>
      <${Fact} label="Host name">${agent.hostname || '–'}</${Fact}>
      <${Fact} label="Address">${agent.address || '–'}</${Fact}>
      <${Fact} label="Platform">${formatPlatform(agent)}</${Fact}>
      <${Fact} label="Version">${agent.version || '–'}</${Fact}>
      <${Fact} label="Deployment">${DEPLOYMENTS[agent.deploymentMode] ?? (agent.deploymentMode || '–')}</${Fact}>
      <${Fact} label="Up for">${agent.uptimeS ? formatDuration(agent.uptimeS * 1000) : '–'}</${Fact}>
      <${Fact} label="Certificate"><${Certificate} notAfterMs=${agent.certificateNotAfter_ms} /></${Fact}>
      <${Fact} label="Labels">${Object.keys(agent.labels).length ? html`<${Labels} labels=${agent.labels} />` : '–'}</${Fact}>
      <${Fact} label="Added"><${Time} ms=${agent.created_ms} as="day" /></${Fact}>
      ${agent.roots && html`<${Fact} label="Lets backups read" wide><${Roots} paths=${agent.roots.backup} /></${Fact}>
        <${Fact} label="Lets restores write" wide><${Roots} paths=${agent.roots.restore} /></${Fact}>`}
      <${Fact} label="Id" wide><code>${agent.id}</code></${Fact}>
    </${Facts}>
  </section>`;
}

// What its own agent.conf says.
const Roots = ({ paths }) => (paths.length ? paths.map((path) => html`<code key=${path}>${path}</code> `)
  : html`<span class="muted">nothing</span>`);

function Certificate({ notAfterMs }) {
  if (!notAfterMs) return html`<span class="muted">none, by key alone</span>`;
  const left = notAfterMs - now();
  const verb = left < 0 ? 'expired' : 'expires';
  return html`<span class=${left < SOON_MS ? 'text-bad' : ''}>${verb} <${Time} ms=${notAfterMs} /></span>`;
}

const RUN_CHOICES = [{
  name: 'status', label: 'State of the run', all: 'Any state', options: Object.entries(RUN_STATES).map(([state, { label }]) => [state, label]),
}];

function AgentRuns({ path, asked }) {
  const list = useList(`${path}/runs`, {
    filters: ['q', 'status'], sort: 'started', order: 'desc', size: RUNS_SHOWN, everyMs: runsEveryMs, topics: ['runs'], deps: [asked],
  });
  const { poll } = list;
  return html`<${Panel} id="runs" title="Backup runs" aside=${html`<${Export} list=${list} what="the runs" />`}>
    ${(list.filtered || poll.data?.total > 5) && html`<${Filters} list=${list} what="the runs" search="Search backup or id" choices=${RUN_CHOICES} />`}
    <${Remote} poll=${poll} what="the runs">${({ items, total }) => html`
      ${items.length
        ? html`<${RunTable} label="Backup runs" runs=${items} withAgent=${false} busy=${poll.loading}
            sorting=${list.sorting} />`
        : html`<${NoRuns} clear=${list.filtered && list.clear} />`}
      <${Pager} total=${total} size=${RUNS_SHOWN} page=${list.page} what="backup runs" />`}
    </${Remote}>
  </${Panel}>`;
}

function NoRuns({ clear }) {
  if (clear) return html`<${Empty} icon="archive" title="No run matches."><${Button} onClick=${clear}>Clear the filters</${Button}></${Empty}>`;
  return html`<${Empty} icon="archive" title="No backup has run yet.">
    Choose “Back up now” at one of the backups above, or add one.
  </${Empty}>`;
}
