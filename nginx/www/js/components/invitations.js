// Invitations of the last days: who was asked in by whom, and whether they came.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { ROLES } from '../people.js';
import { usePoll } from '../poll.js';
import { Badge, OTP_STATES } from './badge.js';
import { Button } from './button.js';
import { Confirm } from './dialog.js';
import { Panel, Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const columns = (onRevoke) => [
  { name: 'name', head: 'E-mail', cell: (row) => html`<span class="strong">${row.email}</span>` },
  { name: 'status', head: 'State', cell: (row) => html`<${Badge} states=${OTP_STATES} value=${row.state} />` },
  { name: 'role', head: 'Role', cell: (row) => ROLES[row.role].label },
  { name: 'by', head: 'Invited by', cell: (row) => row.invitedBy },
  { name: 'created', head: 'Invited', cell: (row) => html`<${Time} ms=${row.created_ms} />` },
  { name: 'expires', head: 'Expires', cell: (row) => html`<${Time} ms=${row.expires_ms} />` },
  { name: 'act', head: 'Revoke', hidden: true, cell: (row) => row.state === 'open' && html`<${Button} look="quiet"
    onClick=${() => onRevoke(row)} aria-label=${`Revoke the invitation of ${row.email}`}>Revoke</${Button}>` },
];

// changes: another number when there is a new one.
export function Invitations({ changes }) {
  const poll = usePoll((signal) => api('/api/invitations', { signal }), [changes], 15000);
  const [open, setOpen] = useState(null);
  if (poll.data && !poll.data.invitations.length) return null;
  const revoke = async () => {
    await api(`/api/invitations/${open.id}`, { method: 'DELETE' });
    toast(`The invitation of ${open.email} is revoked.`);
    poll.refresh();
  };
  return html`<${Panel} id="invitations" title="Invitations">
    <${Remote} poll=${poll} what="the invitations">${({ invitations }) => html`<${Table} label="Invitations"
      columns=${columns(setOpen)} rows=${invitations} rowKey=${(row) => row.id} />`}</${Remote}>
    ${open && html`<${Confirm} title=${`Revoke the invitation of ${open.email}?`} action="Revoke" danger
      onConfirm=${revoke} onClose=${() => setOpen(null)}><p>The link stops working at once.</p></${Confirm}>`}
  </${Panel}>`;
}
