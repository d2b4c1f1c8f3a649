// The one-time passwords that are out there. The passwords themselves are stored hashed and cannot be shown again.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { useList } from '../list.js';
import { OtpState } from './badge.js';
import { Button } from './button.js';
import { Confirm } from './dialog.js';
import { Export, Filters } from './filters.js';
import { LoadError } from './notice.js';
import { Pager } from './pager.js';
import { Panel } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';
import { toast } from './toast.js';

const SHOWN = 20;

const STATES = [['open', 'Open'], ['used', 'Used'], ['expired', 'Expired'], ['blocked', 'Blocked'], ['revoked', 'Revoked']];

const boundTo = (otp) => [otp.expectedHost, otp.network].filter(Boolean).join(', ');

const COLUMNS = [
  { name: 'created', head: 'Made', sort: 'created', cell: (otp) => html`<${Time} ms=${otp.created_ms} />` },
  { name: 'status', head: 'State', cell: (otp) => html`<${OtpState} value=${otp.state} />` },
  { name: 'bound', head: 'Bound to', cell: (otp) => boundTo(otp) || html`<span class="muted">any host</span>` },
  { name: 'uses', head: 'Used', cell: (otp) => `${otp.used} of ${otp.uses}` },
  { name: 'expires', head: 'Expires', sort: 'expires', cell: (otp) => html`<${Time} ms=${otp.expires_ms} />` },
];

export function Otps() {
  const [open, setOpen] = useState(null);
  const list = useList('/api/otps', { prefix: 'otp.', filters: ['q', 'state'], sort: 'created', order: 'desc', size: SHOWN });
  const { data, error, refresh } = list.poll;
  const items = data?.items ?? [];
  if (!items.length && !list.filtered) return html`<${LoadError} error=${error} onRetry=${refresh} />`;
  const revoke = async () => {
    await api(`/api/otps/${open.id}`, { method: 'DELETE' });
    toast('The one-time password is revoked.');
    refresh();
  };
  const button = (otp) => html`<${Button} look="danger" onClick=${() => setOpen(otp)}>Revoke</${Button}>`;
  const actions = { name: 'act', head: 'Actions', hidden: true, cell: (otp) => otp.state === 'open' && button(otp) };
  return html`<${Panel} id="otps" title="Recent one-time passwords" aside=${html`<${Export} list=${list} what="the one-time passwords" />`}>
    <${Filters} list=${list} what="the one-time passwords" search="Search one-time passwords"
      choices=${[{ name: 'state', label: 'State', all: 'Any state', options: STATES }]} />
    <${LoadError} error=${error} stale onRetry=${refresh} />
    <${Table} label="One-time passwords" columns=${[...COLUMNS, actions]} rows=${items} rowKey=${(otp) => otp.id}
      sorting=${list.sorting} />
    <${Pager} total=${data?.total ?? 0} size=${list.size} page=${list.page} name=${list.pageName} what="one-time passwords" />
    ${open && html`<${Confirm} title="Revoke this one-time password?" action="Revoke" danger
      onClose=${() => setOpen(null)} onConfirm=${revoke}>
      <p>No further host can enrol with it. Hosts that have enrolled stay.</p>
    </${Confirm}>`}
  </${Panel}>`;
}
