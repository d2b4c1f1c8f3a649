// Personal access tokens: what Ansible and scripts sign in with.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { AccountHead } from '../components/account-head.js';
import { Button } from '../components/button.js';
import { Tick, select } from '../components/config-what.js';
import { CopyBlock } from '../components/copy.js';
import { ActError, Confirm, useAct } from '../components/dialog.js';
import { Field, fieldErrors } from '../components/field.js';
import { Export, Filters } from '../components/filters.js';
import { Empty, Notice } from '../components/notice.js';
import { Pager } from '../components/pager.js';
import { Panel, Remote } from '../components/panel.js';
import { Table } from '../components/table.js';
import { Time } from '../components/time.js';
import { toast } from '../components/toast.js';
import { now } from '../clock.js';
import { useList } from '../list.js';
import { SCOPES, scopeLabel } from '../people.js';

const PATH = '/api/auth/tokens';
const DAYS = [['7', 'a week'], ['30', '30 days'], ['90', '90 days'], ['180', 'half a year'], ['365', 'a year']];

export function AccountTokensPage({ title }) {
  const list = useList(PATH, { filters: ['q', 'state'], sort: 'created', order: 'desc', everyMs: 0 });
  const { poll } = list;
  const [made, setMade] = useState(null);
  const [open, setOpen] = useState(null);
  const onMade = (reply) => {
    setMade(reply);
    poll.refresh();
  };
  const revoke = async () => {
    await api(`${PATH}/${open.id}`, { method: 'DELETE' });
    toast(`${open.name} is revoked.`);
    if (made?.token.id === open.id) setMade(null);
    poll.refresh();
  };
  return html`<div>
    <${AccountHead} title=${title} />
    ${made ? html`<${Made} key=${made.token.id} made=${made} onAgain=${() => setMade(null)} />` : html`<${Make} onMade=${onMade} />`}
    <${Panel} id="tokens" title="Your tokens" aside=${html`<${Export} list=${list} what="your tokens" />`}>
      ${(list.filtered || poll.data?.total > 5) && html`<${Filters} list=${list} what="your tokens" search="Search name, scope or address" choices=${CHOICES} />`}
      <${Remote} poll=${poll} what="your tokens">${({ items, total }) => html`
        ${items.length
          ? html`<${Table} label="Access tokens" columns=${columns(setOpen)} rows=${items} rowKey=${(row) => row.id} busy=${poll.loading}
              sorting=${list.sorting} />`
          : html`<${NoTokens} clear=${list.filtered && list.clear} />`}
        <${Pager} total=${total} size=${list.size} page=${list.page} what="tokens" />`}
      </${Remote}>
    </${Panel}>
    ${open && html`<${Confirm} title=${`Revoke ${open.name}?`} action="Revoke" danger onConfirm=${revoke}
      onClose=${() => setOpen(null)}>
      <p>Whatever uses it is refused from the next request on. This cannot be undone.</p>
    </${Confirm}>`}
  </div>`;
}

function NoTokens({ clear }) {
  if (clear) return html`<${Empty} icon="shield" title="No token matches."><${Button} onClick=${clear}>Clear the filters</${Button}></${Empty}>`;
  return html`<${Empty} icon="shield" title="No token yet.">Make one above for a script, or for Ansible.</${Empty}>`;
}

const CHOICES = [{ name: 'state', label: 'State of the token', all: 'Any state', options: [['valid', 'Valid'], ['expired', 'Expired']] }];

const columns = (onRevoke) => [
  { name: 'name', head: 'Name', sort: 'name', cell: (row) => html`<span class="strong">${row.name}</span>` },
  { name: 'scopes', head: 'May', cell: (row) => row.scopes.map(scopeLabel).join(', ') },
  { name: 'used', head: 'Last used', sort: 'used', cell: (row) => html`<${Time} ms=${row.lastUsed_ms} />${row.lastAddress && html`
    <small class="muted">${row.lastAddress}</small>`}` },
  { name: 'created', head: 'Made', sort: 'created', cell: (row) => html`<${Time} ms=${row.created_ms} as="day" />` },
  { name: 'expires', head: 'Expires', sort: 'expires', cell: (row) => (row.expires_ms < now()
    ? html`<span class="badge calm">expired</span>` : html`<${Time} ms=${row.expires_ms} as="day" />`) },
  { name: 'act', head: 'Revoke', hidden: true, cell: (row) => html`<${Button} look="quiet" onClick=${() => onRevoke(row)}
    aria-label=${`Revoke ${row.name}`}>Revoke</${Button}>` },
];

function Make({ onMade }) {
  const [name, setName] = useState('');
  const [days, setDays] = useState('90');
  const [scopes, setScopes] = useState(['read']);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const toggle = (scope) => (on) => setScopes((old) => (on ? [...old, scope] : old.filter((each) => each !== scope)));
  const submit = (event) => {
    event.preventDefault();
    act(async () => onMade(await api(PATH, {
      method: 'POST', body: { name: name.trim(), scopes, expiresInDays: Number(days) },
    })));
  };
  return html`<${Panel} id="make-token" title="Make a token">
    <form onSubmit=${submit} class="narrow-form">
      <p>A token stands for you, for what is ticked below and nothing else; it never asks for a second factor. What
        only a person may do, such as looking after people and settings, no token may.</p>
      <div class="field-row">
        <${Field} id="token-name" label="Name" value=${name} onValue=${setName} error=${errors.name} required
          maxlength="100" placeholder="Ansible on deploy-1" autocomplete="off" />
        <${Field} id="token-days" type="select" label="Valid for" value=${days} onValue=${setDays}
          error=${errors.expiresInDays}>${select(days, DAYS)}</${Field}>
      </div>
      <fieldset class="scopes">
        <legend>What it may do</legend>
        ${SCOPES.filter((scope) => may(scope.role)).map((scope) => html`<${Tick} key=${scope.name}
          id=${`scope-${scope.name}`} label=${html`${scope.label} <code>${scope.name}</code>`} hint=${scope.hint}
          checked=${scopes.includes(scope.name)} onValue=${toggle(scope.name)} />`)}
        ${errors.scopes && html`<small class="field-error" role="alert">${errors.scopes}</small>`}
      </fieldset>
      <${ActError} error=${Object.keys(errors).length ? null : error} />
      <footer class="more"><button type="submit" disabled=${busy || !scopes.length} aria-busy=${busy}>Make the token</button></footer>
    </form>
  </${Panel}>`;
}

function Made({ made: { token, secret }, onAgain }) {
  // From standard input: what stands on a command line, every user of the machine can read.
  const example = `curl --cacert ca.pem -H @- ${location.origin}/api/agents <<< "Authorization: Bearer ${secret}"`;
  return html`<${Panel} id="made-token" title=${`${token.name} is made`}>
    <${Notice} tone="warn" icon="warning" text="This token is shown only now. Copy it before you leave this page." />
    <${CopyBlock} id="token-secret" label="Token" text=${secret} />
    <${CopyBlock} id="token-example" label="For example" text=${example} />
    <p class="muted">ca.pem is what muster-app ca show prints on the server; leave it out where a public authority vouches for it.</p>
    <footer class="more"><${Button} look="quiet" onClick=${onAgain}>I have it</${Button}></footer>
  </${Panel}>`;
}
