// The agents on which a rollout went wrong, each with what it last said; the server gives failures first.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { formatCount } from '../format.js';
import { usePoll } from '../poll.js';
import { FAILED, countOf, isOver } from '../rollout.js';
import { LoadError, Loading } from './notice.js';
import { Panel, Remote } from './panel.js';
import { AgentName, useFollow } from './rollout-members.js';
import { Time } from './time.js';
import { MemberState } from './update-badge.js';

const SHOWN = 10;
const LINES = 6;

export function RolloutFailures({ rollout }) {
  const failed = countOf(rollout, 'failed');
  if (!failed) return null;
  return html`<${Failures} rollout=${rollout} failed=${failed} />`;
}

function Failures({ rollout, failed }) {
  const url = `/api/rollouts/${rollout.id}/members?limit=${SHOWN}`;
  const poll = usePoll((signal) => api(url, { signal }), [url], isOver(rollout) ? 10000 : 3000);
  useFollow(poll, rollout);
  const aside = html`<span class="count">${formatCount(failed)}</span>`;
  return html`<${Panel} id="failures" title="Failures" look="failures" aside=${aside}>
    <${Remote} poll=${poll} what="the failures">${({ items }) => {
      const members = items.filter((member) => FAILED.includes(member.state));
      return html`<ul class="rows">${members.map((member) => html`<${Failure} key=${member.agentId} member=${member}
        version=${member.direction === 'back' ? rollout.previousVersion : rollout.version} />`)}</ul>
        ${failed > members.length && html`<p class="more muted">
          and ${formatCount(failed - members.length)} more; the list below shows them by state</p>`}`;
    }}</${Remote}>
  </${Panel}>`;
}

function Failure({ member, version }) {
  const [open, setOpen] = useState(false);
  return html`<li>
    <div>
      <p><${AgentName} member=${member} /> <span class="muted"><${Time} ms=${member.state_ms} /></span></p>
      <p class="failure-reason">${member.reason || 'It gave no reason.'}</p>
      <details class="fold" onToggle=${(event) => setOpen(event.currentTarget.open)}>
        <summary>What it last said<span class="sr"> (${member.agentName})</span></summary>
        ${open && html`<${LastWords} member=${member} version=${version} />`}
      </details>
    </div>
    <${MemberState} value=${member.state} />
  </li>`;
}

// The output of the version that failed, which the agent reports once the old one is back; until then, or when it never
// came so far, its latest warnings and errors.
function pickLastWords(events, version) {
  const words = events.find((event) => event.kind === 'update' && event.metadata?.version === version
    && event.message.includes('\n'));
  if (words) return [{ ...words, lines: words.message.slice(words.message.indexOf('\n') + 1).trimEnd() }];
  return events.slice(0, LINES).map((event) => ({ ...event, lines: event.message }));
}

function LastWords({ member, version }) {
  const url = `/api/agents/${member.agentId}/events?level=warning&limit=100`;
  const { data, error, refresh } = usePoll((signal) => api(url, { signal }), [url], 15000);
  if (error && !data) return html`<${LoadError} error=${error} onRetry=${refresh} />`;
  if (!data) return html`<${Loading} what="its events" />`;
  const words = pickLastWords(data.items, version);
  return html`${words.length
    ? words.map((event) => html`<figure class="words" key=${`${event.epoch}:${event.seq}`}>
        <figcaption class="muted"><${Time} ms=${event.time_ms} as="stamp" /> ${event.kind}</figcaption>
        <pre tabindex="0">${event.lines}</pre>
      </figure>`)
    : html`<p class="muted">It has reported no warning and no error.</p>`}
    <p class="small-text"><a href=${`/agents/${member.agentId}?level=warning`}>All of its warnings and errors</a></p>`;
}
