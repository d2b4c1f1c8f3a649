// One person's account, for admins.
import { html } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { Badge } from '../components/badge.js';
import { Fact, Facts } from '../components/facts.js';
import { Grants } from '../components/grants.js';
import { LoadError, Notice } from '../components/notice.js';
import { Panel } from '../components/panel.js';
import { Time } from '../components/time.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { UserActions } from '../components/user-actions.js';
import { plural } from '../format.js';
import { ROLES, USER_STATES, describeFactors } from '../people.js';
import { usePoll } from '../poll.js';
import { AdminsOnly } from './users.js';

export function UserPage({ id, title }) {
  const url = `/api/users/${encodeURIComponent(id)}`;
  const poll = usePoll((signal) => api(url, { signal }), [url], 15000);
  if (!may('admin')) return html`<${AdminsOnly} title=${title} />`;
  const user = poll.data?.user;
  if (!user) {
    return html`<${NotThere} poll=${poll} title=${title} what="account"><a href="/users">Show all people</a></${NotThere}>`;
  }
  const name = user.name || user.email;
  return html`<div>
    <${Crumbs} href="/users" label="People" here=${name} />
    <${PageHead} title=${name}>
      <${Badge} states=${USER_STATES} value=${user.state} /><${UserActions} user=${user} onChange=${poll.refresh} />
    </${PageHead}>
    <${LoadError} error=${poll.error} stale onRetry=${poll.refresh} />
    ${user.state === 'deleted' && html`<${Deleted} user=${user} />`}
    ${user.state === 'disabled' && html`<${Notice} tone="warn" icon="pause"
      text="Disabled: every sign-in of theirs is refused. Their agents and backups go on." />`}
    <${Panel} id="account-facts" title="Account"><${About} user=${user} /></${Panel}>
    ${user.state !== 'deleted' && html`<${Grants} user=${user} />`}
  </div>`;
}

function Deleted({ user }) {
  const text = html`<strong>Deleted <${Time} ms=${user.deleted_ms} />.</strong> Their agents are refused. Until
    ${' '}<${Time} ms=${user.purgeAfter_ms} as="stamp" /> you can bring all of it back; then what they stored is purged.`;
  return html`<${Notice} tone="bad" icon="warning" text=${text} />`;
}

const About = ({ user }) => html`<${Facts}>
  <${Fact} label="E-mail">${user.email}</${Fact}>
  <${Fact} label="Role">${ROLES[user.role].label}</${Fact}>
  <${Fact} label="Second factor">${describeFactors(user.mfa) || 'none'}</${Fact}>
  <${Fact} label="Last signed in"><${Time} ms=${user.lastLogin_ms} /></${Fact}>
  <${Fact} label="Added"><${Time} ms=${user.created_ms} as="day" /></${Fact}>
  <${Fact} label="Owns">${plural(user.agents, 'agent')}, ${plural(user.configs, 'backup')}</${Fact}>
</${Facts}>`;
