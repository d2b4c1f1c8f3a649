// The people who may sign in, and those who were invited.
import { html, useState } from '/vendor/preact.js';
import { may } from '../api.js';
import { Badge } from '../components/badge.js';
import { Button } from '../components/button.js';
import { Export, Filters } from '../components/filters.js';
import { Invitations } from '../components/invitations.js';
import { Invite } from '../components/invite.js';
import { Empty } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { PageHead } from '../components/title.js';
import { formatCount } from '../format.js';
import { useList } from '../list.js';
import { ROLES, USER_STATES, describeFactors } from '../people.js';

const COLUMNS = [
  { name: 'name', head: 'Person', sort: 'email', cell: (user) => html`<${Name} user=${user} />` },
  { name: 'status', head: 'State', cell: (user) => html`<${Badge} states=${USER_STATES} value=${user.state} />` },
  { name: 'role', head: 'Role', sort: 'role', cell: (user) => ROLES[user.role].label },
  { name: 'mfa', head: 'Second factor', cell: (user) => describeFactors(user.mfa) || html`<span class="muted">none</span>` },
  { name: 'agents', head: 'Agents', cell: (user) => formatCount(user.agents) },
  { name: 'login', head: 'Last signed in', sort: 'last_login', cell: (user) => html`<${Time} ms=${user.lastLogin_ms} />` },
  { name: 'created', head: 'Added', sort: 'created', cell: (user) => html`<${Time} ms=${user.created_ms} as="day" />` },
];

const Name = ({ user }) => html`<a class="strong" href=${`/users/${user.id}`}>${user.name || user.email}</a>
  ${user.name && html`<small class="muted">${user.email}</small>`}`;

export const AdminsOnly = ({ title }) => html`<${PageHead} title=${title} />
  <section class="panel"><${Empty} icon="shield" title="Only administrators look after people.">
    Your own account is under <a href="/account">My account</a>.
  </${Empty}></section>`;

export function UsersPage({ title }) {
  const [invites, setInvites] = useState(0);
  const [open, setOpen] = useState(false);
  if (!may('admin')) return html`<${AdminsOnly} title=${title} />`;
  return html`<div>
    <${PageHead} title=${title}><div class="actions">
      <${Button} look="main" icon="plus" onClick=${() => setOpen(true)}>Invite a person</${Button}>
    </div></${PageHead}>
    <${People} />
    <${Invitations} changes=${invites} />
    ${open && html`<${Invite} onMade=${() => setInvites(invites + 1)} onClose=${() => setOpen(false)} />`}
  </div>`;
}

const options = (words) => Object.entries(words).map(([value, { label }]) => [value, label]);

const CHOICES = [
  { name: 'role', label: 'Role', all: 'Any role', options: options(ROLES) },
  { name: 'state', label: 'State', all: 'Any state', options: options(USER_STATES) },
];

function People() {
  const list = useList('/api/users', { filters: ['q', 'role', 'state'], sort: 'email', topics: ['users'] });
  const { poll } = list;
  const found = poll.data && `${formatCount(poll.data.total)} ${list.filtered ? 'found' : 'in all'}`;
  const aside = html`<span class="aside"><span class="muted" role="status">${found}</span>
    <${Export} list=${list} what="the accounts" /></span>`;
  return html`<${Panel} id="people" title="Accounts" aside=${aside}>
    <${Filters} list=${list} what="the accounts" search="Search name or e-mail" choices=${CHOICES} />
    <${Remote} poll=${poll} what="the accounts">${({ items, total }) => html`
      ${items.length
        ? html`<${Table} label="Accounts" columns=${COLUMNS} rows=${items} rowKey=${(user) => user.id} busy=${poll.loading}
            sorting=${list.sorting} />`
        : html`<${Empty} title="Nobody matches."><${Button} onClick=${list.clear}>Clear the filters</${Button}></${Empty}>`}
      <${Pager} total=${total} size=${list.size} page=${list.page} what="accounts" />`}
    </${Remote}>
  </${Panel}>`;
}
