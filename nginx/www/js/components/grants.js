// What somebody sees of what is not theirs: agents and backups that an admin has granted.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { usePoll } from '../poll.js';
import { withQuery } from '../router.js';
import { Button, IconButton } from './button.js';
import { ActError, useAct } from './dialog.js';
import { Field } from './field.js';
import { Empty } from './notice.js';
import { Panel, Remote } from './panel.js';
import { toast } from './toast.js';

const KINDS = { agent: 'Agent', config: 'Backup' };
const FOUND = 5;

export function Grants({ user }) {
  const url = `/api/users/${encodeURIComponent(user.id)}/grants`;
  const poll = usePoll((signal) => api(url, { signal }), [url], 0);
  const everything = user.role === 'admin';
  return html`<${Panel} id="grants" title="Sees besides their own">
    ${everything ? html`<p class="muted">An administrator sees everything; nothing needs to be granted.</p>`
      : html`<${Remote} poll=${poll} what="what is granted">${({ grants }) => html`
          <${GrantList} key=${user.id} url=${url} user=${user} grants=${grants} onChange=${poll.refresh} />`}</${Remote}>`}
  </${Panel}>`;
}

function GrantList({ url, user, grants, onChange }) {
  const [act, { busy, error }] = useAct();
  const put = (list, said) => act(async () => {
    const body = { grants: list.map(({ kind, objectId }) => ({ kind, objectId })) };
    await api(url, { method: 'PUT', body });
    toast(said);
    onChange();
  });
  const add = (grant) => put([...grants, grant], `${user.email} sees ${grant.name}.`);
  const remove = (gone) => put(grants.filter((grant) => grant !== gone), `${user.email} sees ${gone.name ?? 'it'} no more.`);
  return html`
    ${grants.length
      ? html`<ul class="chips" aria-label="Granted">${grants.map((grant) => html`<li key=${`${grant.kind}:${grant.objectId}`}>
          <span><small class="muted">${KINDS[grant.kind]}</small> ${grant.name ?? grant.objectId}</span>
          <${IconButton} icon="cross" label=${`Take back ${grant.name ?? grant.objectId}`} onClick=${() => busy || remove(grant)} />
        </li>`)}</ul>`
      : html`<${Empty} icon="shield" title="Only what they own.">Find something below to show it to them. What they may do
          with it is a matter of their role.</${Empty}>`}
    <${ActError} error=${error} />
    <${Finder} taken=${new Set(grants.map((grant) => grant.objectId))} busy=${busy} onAdd=${add} />`;
}

async function find(q, signal) {
  const list = (path) => api(withQuery(path, { q, limit: 20 }), { signal });
  const [agents, configs] = await Promise.all([list('/api/agents'), list('/api/configs')]);
  return [
    ...agents.items.map(({ id, name, hostname }) => ({ kind: 'agent', objectId: id, name, more: hostname })),
    ...configs.items.map(({ id, name, agentName }) => ({ kind: 'config', objectId: id, name, more: agentName })),
  ].filter(({ name }) => name.toLowerCase().includes(q.toLowerCase()));
}

function Finder({ taken, busy, onAdd }) {
  const [text, setText] = useState('');
  const q = text.trim();
  const { data } = usePoll((signal) => (q ? find(q, signal) : []), [q], 0);
  const offered = (data ?? []).filter((each) => !taken.has(each.objectId)).slice(0, FOUND);
  return html`<div class="picker">
    <${Field} id="grant-find" type="search" label="Find an agent or a backup" value=${text} onValue=${setText}
      autocomplete="off" spellcheck=${false} />
    <ul class="found" aria-label="Found">${offered.map((each) => html`<li key=${each.objectId}>
      <span><small class="muted">${KINDS[each.kind]}</small> ${each.name} <small class="muted">${each.more}</small></span>
      <${Button} look="quiet" disabled=${busy} onClick=${() => onAdd(each)}
        aria-label=${`Show them ${each.name}`}>Show it to them</${Button}>
    </li>`)}</ul>
    <p class="sr" role="status">${q && data && `${offered.length} found`}</p>
  </div>`;
}
