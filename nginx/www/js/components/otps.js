// The one-time passwords that are out there. The passwords themselves are stored hashed and cannot be shown again.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { usePoll } from '../poll.js';
import { OtpState } from './badge.js';
import { Button } from './button.js';
import { Confirm } from './dialog.js';
import { LoadError } from './notice.js';
import { Panel } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const SHOWN = 20;

const boundTo = (otp) => [otp.expectedHost, otp.network].filter(Boolean).join(', ');

const COLUMNS = [
  { name: 'created', head: 'Made', cell: (otp) => html`<${Time} ms=${otp.created_ms} />` },
  { name: 'status', head: 'State', cell: (otp) => html`<${OtpState} value=${otp.state} />` },
  { name: 'bound', head: 'Bound to', cell: (otp) => boundTo(otp) || html`<span class="muted">any host</span>` },
  { name: 'uses', head: 'Used', cell: (otp) => `${otp.used} of ${otp.uses}` },
  { name: 'expires', head: 'Expires', cell: (otp) => html`<${Time} ms=${otp.expires_ms} />` },
];

export function Otps() {
  const [open, setOpen] = useState(null);
  const { data, error, refresh } = usePoll((signal) => api('/api/otps', { signal }), []);
  const items = (data?.items ?? []).slice(0, SHOWN);
  if (!items.length) return html`<${LoadError} error=${error} onRetry=${refresh} />`;
  const revoke = async () => {
    await api(`/api/otps/${open.id}`, { method: 'DELETE' });
    toast('The one-time password is revoked.');
    refresh();
  };
  const button = (otp) => html`<${Button} look="danger" onClick=${() => setOpen(otp)}>Revoke</${Button}>`;
  const actions = { name: 'act', head: 'Actions', hidden: true, cell: (otp) => otp.state === 'open' && button(otp) };
  return html`<${Panel} id="otps" title="Recent one-time passwords">
    <${LoadError} error=${error} stale onRetry=${refresh} />
    <${Table} label="One-time passwords" columns=${[...COLUMNS, actions]} rows=${items} rowKey=${(otp) => otp.id} />
    ${open && html`<${Confirm} title="Revoke this one-time password?" action="Revoke" danger
      onClose=${() => setOpen(null)} onConfirm=${revoke}>
      <p>No further host can enrol with it. Hosts that have enrolled stay.</p>
    </${Confirm}>`}
  </${Panel}>`;
}
