// What needs a person, newest first. Acknowledged ones leave the page; the audit log keeps them.
import { html } from '/vendor/preact.js';
import { api, session } from '../api.js';
import { usePoll } from '../poll.js';
import { Button } from './button.js';
import { Icon } from './icon.js';
import { LoadError } from './notice.js';
import { Panel } from './panel.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const SHOWN = 5;

export async function acknowledge(alert) {
  try {
    await api(`/api/alerts/${alert.id}/acknowledge`, { method: 'POST' });
    toast('Alert acknowledged.');
  } catch (cause) {
    toast(cause.message, 'bad');
  }
}

// What is told to somebody about their own account reads so; admins see everybody's.
export function toldTo({ person }) {
  return person && person !== session.get()?.user.email ? `To ${person}: ` : '';
}

export function Alerts() {
  const { data, error, refresh } = usePoll((signal) => api(`/api/alerts?state=open&limit=${SHOWN}`, { signal }), [], 5000, ['alerts']);
  const open = data?.items ?? [];
  if (error && !data) return html`<${LoadError} error=${error} onRetry=${refresh} />`;
  if (!open.length) return null;
  const more = data.total - open.length;
  return html`<${Panel} id="alerts" look="alerts" title=${html`<${Icon} name="bell" />Open alerts`}
    aside=${html`<span class="aside"><span class="count">${data.total}</span><a href="/alerts">All alerts</a></span>`}>
    <ul class="rows">
      ${open.map((alert) => html`<${Alert} key=${alert.id} alert=${alert} onAcknowledge=${() => acknowledge(alert).then(refresh)} />`)}
    </ul>
    ${more > 0 && html`<p class="more muted">and ${more} more; they show as these are acknowledged</p>`}
  </${Panel}>`;
}

function Alert({ alert, onAcknowledge }) {
  const agent = alert.agentId && html` · <a href=${`/agents/${alert.agentId}`}>Show the agent</a>`;
  return html`<li>
    <div><p>${toldTo(alert)}${alert.message}</p><small class="muted"><${Time} ms=${alert.created_ms} />${agent}</small></div>
    ${alert.mayAcknowledge && html`<${Button} onClick=${() => onAcknowledge(alert)}
      aria-label=${`Acknowledge: ${alert.message}`}>Acknowledge</${Button}>`}
  </li>`;
}
