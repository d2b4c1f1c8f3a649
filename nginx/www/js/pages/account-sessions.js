// Where one is signed in, and the way to end that.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { AccountHead } from '../components/account-head.js';
import { Button } from '../components/button.js';
import { Confirm } from '../components/dialog.js';
import { Panel, Remote } from '../components/panel.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { toast } from '../components/toast.js';
import { plural } from '../format.js';
import { METHODS, describeBrowser } from '../people.js';
import { usePoll } from '../poll.js';

const PATH = '/api/auth/sessions';

const columns = (onEnd) => [
  { name: 'name', head: 'Browser or program', cell: (row) => html`<${Browser} row=${row} />` },
  { name: 'method', head: 'Signed in with', cell: (row) => METHODS[row.method] ?? row.method },
  { name: 'address', head: 'Address', cell: (row) => row.address },
  { name: 'used', head: 'Last used', cell: (row) => html`<${Time} ms=${row.lastUsed_ms} />` },
  { name: 'created', head: 'Signed in', cell: (row) => html`<${Time} ms=${row.created_ms} />` },
  { name: 'expires', head: 'Ends at the latest', cell: (row) => html`<${Time} ms=${row.expires_ms} as="day" />` },
  { name: 'act', head: 'End it', hidden: true, cell: (row) => (row.current
    ? html`<span class="badge busy">this one</span>`
    : html`<${Button} look="quiet" onClick=${() => onEnd(row)}
        aria-label=${`End the session of ${describeBrowser(row.userAgent)} at ${row.address}`}>End</${Button}>`) },
];

function Browser({ row }) {
  return html`<span class="strong" title=${row.userAgent}>${describeBrowser(row.userAgent)}</span>
    <small class="muted">${row.kind === 'token' ? 'a program, with tokens' : 'a browser'}</small>`;
}

export function AccountSessionsPage({ title }) {
  const poll = usePoll((signal) => api(PATH, { signal }), [], 15000);
  const [open, setOpen] = useState(null);
  const others = (poll.data?.sessions.length ?? 1) - 1;
  const end = async () => {
    await api(open === 'all' ? PATH : `${PATH}/${open.id}`, { method: 'DELETE' });
    toast(open === 'all' ? 'All other sessions are ended.' : 'The session is ended.');
    poll.refresh();
  };
  const aside = others > 0 && html`<${Button} look="danger" onClick=${() => setOpen('all')}>End all others</${Button}>`;
  return html`<div>
    <${AccountHead} title=${title} />
    <${Panel} id="sessions" title="Where you are signed in" aside=${aside}>
      <${Remote} poll=${poll} what="your sessions">${({ sessions }) => html`
        <${Table} label="Sessions" columns=${columns(setOpen)} rows=${sessions} rowKey=${(row) => row.id} />`}
      </${Remote}>
    </${Panel}>
    <p class="muted small-text">A session ends by itself after half an hour without use, and after seven days at the
      latest. Do you not know one of these? End it, and <a href="/account/profile">change your password</a>.</p>
    ${open && html`<${Confirm} title=${open === 'all' ? `End ${plural(others, 'other session')}?`
        : `End the session of ${describeBrowser(open.userAgent)}?`}
      action=${open === 'all' ? 'End all others' : 'End it'} danger onConfirm=${end} onClose=${() => setOpen(null)}>
      <p>${open === 'all' ? 'You stay signed in here.' : `At ${open.address}.`} Whoever sits there is asked to sign in at
        the next click.</p>
    </${Confirm}>`}
  </div>`;
}
