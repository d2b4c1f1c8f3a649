// Invitations of the last days: who was asked in by whom, and whether they came.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { useList } from '../list.js';
import { ROLES } from '../people.js';
import { Badge, OTP_STATES } from './badge.js';
import { Button } from './button.js';
import { Confirm } from './dialog.js';
import { Export, Filters } from './filters.js';
import { Empty } from './notice.js';
import { Pager } from './pager.js';
import { Panel, Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const SHOWN = 20;
const EVERY_MS = 15000;

const columns = (onRevoke) => [
  { name: 'name', head: 'E-mail', sort: 'email', cell: (row) => html`<span class="strong">${row.email}</span>` },
  { name: 'status', head: 'State', cell: (row) => html`<${Badge} states=${OTP_STATES} value=${row.state} />` },
  { name: 'role', head: 'Role', sort: 'role', cell: (row) => ROLES[row.role].label },
  { name: 'by', head: 'Invited by', cell: (row) => row.invitedBy },
  { name: 'created', head: 'Invited', sort: 'created', cell: (row) => html`<${Time} ms=${row.created_ms} />` },
  { name: 'expires', head: 'Expires', sort: 'expires', cell: (row) => html`<${Time} ms=${row.expires_ms} />` },
  { name: 'act', head: 'Revoke', hidden: true, cell: (row) => row.state === 'open' && html`<${Button} look="quiet"
    onClick=${() => onRevoke(row)} aria-label=${`Revoke the invitation of ${row.email}`}>Revoke</${Button}>` },
];

const STATES = ['open', 'used', 'expired', 'revoked'].map((state) => [state, OTP_STATES[state].label]);
const CHOICES = [
  { name: 'state', label: 'State of the invitation', all: 'Any state', options: STATES },
  { name: 'role', label: 'Role invited to', all: 'Any role', options: Object.entries(ROLES).map(([role, { label }]) => [role, label]) },
];

// changes: another number when there is a new one.
export function Invitations({ changes }) {
  const list = useList('/api/invitations', {
    prefix: 'i.', filters: ['q', 'state', 'role'], sort: 'created', order: 'desc', size: SHOWN, everyMs: EVERY_MS, deps: [changes],
  });
  const { poll } = list;
  const [open, setOpen] = useState(null);
  if (poll.data && !poll.data.total && !list.filtered) return null;
  const revoke = async () => {
    await api(`/api/invitations/${open.id}`, { method: 'DELETE' });
    toast(`The invitation of ${open.email} is revoked.`);
    poll.refresh();
  };
  return html`<${Panel} id="invitations" title="Invitations" aside=${html`<${Export} list=${list} what="the invitations" />`}>
    <${Filters} list=${list} what="the invitations" search="Search e-mail invited" choices=${CHOICES} />
    <${Remote} poll=${poll} what="the invitations">${({ items, total }) => html`
      ${items.length
        ? html`<${Table} label="Invitations" columns=${columns(setOpen)} rows=${items} rowKey=${(row) => row.id}
            busy=${poll.loading} sorting=${list.sorting} />`
        : html`<${Empty} title="No invitation matches."><${Button} onClick=${list.clear}>Clear the filters</${Button}></${Empty}>`}
      <${Pager} total=${total} size=${list.size} page=${list.page} name=${list.pageName} what="invitations" />`}
    </${Remote}>
    ${open && html`<${Confirm} title=${`Revoke the invitation of ${open.email}?`} action="Revoke" danger
      onConfirm=${revoke} onClose=${() => setOpen(null)}><p>The link stops working at once.</p></${Confirm}>`}
  </${Panel}>`;
}
