// What needs a person, newest first. Acknowledged ones leave the page; the audit log keeps them.
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { usePoll } from '../poll.js';
import { Icon } from './icon.js';
import { LoadError } from './notice.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const SHOWN = 5;

export function Alerts() {
  const { data, error, refresh } = usePoll((signal) => api('/api/alerts', { signal }), []);
  const open = (data?.items ?? []).filter((alert) => !alert.acknowledged_ms);
  if (error && !data) return html`<${LoadError} error=${error} onRetry=${refresh} />`;
  if (!open.length) return null;
  const acknowledge = async (alert) => {
    try {
      await api(`/api/alerts/${alert.id}/acknowledge`, { method: 'POST' });
      toast('Alert acknowledged.');
    } catch (cause) {
      toast(cause.message, 'bad');
    }
    refresh();
  };
  return html`<section class="panel alerts" aria-labelledby="alerts-title">
    <header class="panel-head"><h2 id="alerts-title"><${Icon} name="bell" />Open alerts</h2><span class="count">${open.length}</span></header>
    <ul class="rows">${open.slice(0, SHOWN).map((alert) => html`<li key=${alert.id}>
      <div><p>${alert.message}</p><small class="muted"><${Time} ms=${alert.created_ms} />${alert.agentId && html` · <a href=${`/agents/${alert.agentId}`}>Show the agent</a>`}</small></div>
      ${may('operator') && html`<button type="button" class="outline small" onClick=${() => acknowledge(alert)} aria-label=${`Acknowledge: ${alert.message}`}>Acknowledge</button>`}
    </li>`)}</ul>
    ${open.length > SHOWN && html`<p class="more muted">and ${open.length - SHOWN} more; they show as these are acknowledged</p>`}
  </section>`;
}
