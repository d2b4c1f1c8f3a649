// Where one is signed in, and the way to end that.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { AccountHead } from '../components/account-head.js';
import { Button } from '../components/button.js';
import { Confirm } from '../components/dialog.js';
import { Export, Filters } from '../components/filters.js';
import { Empty } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { toast } from '../components/toast.js';
import { plural } from '../format.js';
import { useList } from '../list.js';
import { METHODS, describeBrowser } from '../people.js';

const PATH = '/api/auth/sessions';
const EVERY_MS = 15000;
const CHOICES = [{ name: 'kind', label: 'Browser or program', all: 'Browsers and programs', options: [['cookie', 'Browsers'], ['token', 'Programs']] }];

const columns = (onEnd) => [
  { name: 'name', head: 'Browser or program', cell: (row) => html`<${Browser} row=${row} />` },
  { name: 'method', head: 'Signed in with', sort: 'method', cell: (row) => METHODS[row.method] ?? row.method },
  { name: 'address', head: 'Address', sort: 'address', cell: (row) => row.address },
  { name: 'used', head: 'Last used', sort: 'used', cell: (row) => html`<${Time} ms=${row.lastUsed_ms} />` },
  { name: 'created', head: 'Signed in', sort: 'created', cell: (row) => html`<${Time} ms=${row.created_ms} />` },
  { name: 'expires', head: 'Ends at the latest', sort: 'expires', cell: (row) => html`<${Time} ms=${row.expires_ms} as="day" />` },
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
  const list = useList(PATH, { filters: ['q', 'kind'], sort: 'used', order: 'desc', everyMs: EVERY_MS });
  const { poll } = list;
  const [open, setOpen] = useState(null);
  // The filters hide some, perhaps all: then nobody has counted.
  const others = list.filtered ? 0 : (poll.data?.total ?? 1) - 1;
  const end = async () => {
    await api(open === 'all' ? PATH : `${PATH}/${open.id}`, { method: 'DELETE' });
    toast(open === 'all' ? 'All other sessions are ended.' : 'The session is ended.');
    poll.refresh();
  };
  const aside = html`<span class="aside"><${Export} list=${list} what="your sessions" />
    ${(others > 0 || list.filtered) && html`<${Button} look="danger" onClick=${() => setOpen('all')}>End all others</${Button}>`}</span>`;
  return html`<div>
    <${AccountHead} title=${title} />
    <${Panel} id="sessions" title="Where you are signed in" aside=${aside}>
      ${(list.filtered || poll.data?.total > 5) && html`<${Filters} list=${list} what="your sessions" search="Search browser or address" choices=${CHOICES} />`}
      <${Remote} poll=${poll} what="your sessions">${({ items, total }) => html`
        ${items.length
          ? html`<${Table} label="Sessions" columns=${columns(setOpen)} rows=${items} rowKey=${(row) => row.id} busy=${poll.loading}
              sorting=${list.sorting} />`
          : html`<${Empty} icon="shield" title="No session matches."><${Button} onClick=${list.clear}>Clear the filters</${Button}></${Empty}>`}
        <${Pager} total=${total} size=${list.size} page=${list.page} what="sessions" />`}
      </${Remote}>
    </${Panel}>
    <p class="muted small-text">A session ends by itself after half an hour without use, and after seven days at the
      latest. Do you not know one of these? End it, and <a href="/account/profile">change your password</a>.</p>
    ${open && html`<${Confirm} title=${open === 'all' ? (others ? `End ${plural(others, 'other session')}?` : 'End all other sessions?')
        : `End the session of ${describeBrowser(open.userAgent)}?`}
      action=${open === 'all' ? 'End all others' : 'End it'} danger onConfirm=${end} onClose=${() => setOpen(null)}>
      <p>${open === 'all' ? 'You stay signed in here.' : `At ${open.address}.`} Whoever sits there is asked to sign in at
        the next click.</p>
    </${Confirm}>`}
  </div>`;
}
