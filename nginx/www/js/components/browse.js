// What is inside a backup, a directory at a time, and what of it is chosen.
import { html, useEffect, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { formatBytes } from '../format.js';
import { usePoll } from '../poll.js';
import { useQuery, withQuery } from '../router.js';
import { Badge } from './badge.js';
import { Button } from './button.js';
import { Icon } from './icon.js';
import { Empty } from './notice.js';
import { Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';

const PAGE = 200;

const OUTCOMES = {
  changed: { label: 'Changed while it was read', icon: 'warning', tone: 'warn' },
  unreadable: { label: 'Unreadable', icon: 'cross', tone: 'bad' },
  vanished: { label: 'Vanished', icon: 'warning', tone: 'warn' },
  skipped: { label: 'Left out', icon: 'skip', tone: 'calm' },
};

const TYPES = { symlink: 'symbolic link', fifo: 'pipe', character: 'device', block: 'device' };

const isDirectory = (entry) => entry.type === 'directory';

// chosen: a set of paths, with onChoose(path); without, nothing can be chosen. The address holds the directory and the
// search, so that a place in a backup can be shared and gone back to.
export function Browse({ runId, chosen, onChoose }) {
  const [query, change] = useQuery();
  const path = query.in ?? '';
  const search = query.find ?? '';
  const view = JSON.stringify([path, search]);
  const [pages, setPages] = useState({ view, ends: [] }); // the names that the pages before this one end with
  const [typed, setTyped] = useState(search);
  useEffect(() => setTyped(search), [search]);
  const after = pages.view === view ? pages.ends : [];
  const setAfter = (ends) => setPages({ view, ends });
  const go = (to) => change({ in: to, find: '' });
  const find = (event) => {
    event.preventDefault(); // the return key must not send the form around it
    change({ find: typed.trim() });
  };
  const asked = search ? { search } : { path };
  const url = withQuery(`/api/runs/${encodeURIComponent(runId)}/files`, { ...asked, after: after.at(-1), limit: PAGE });
  const poll = usePoll((signal) => api(url, { signal }), [url], 0);
  if (poll.error && ['encrypted', 'not-found'].includes(poll.error.slug)) return html`<${Unreadable} error=${poll.error} runId=${runId} />`;
  return html`<div class="browse">
    <div class="filters">
      <${Path} path=${path} onGo=${go} />
      <div class="filter search"><input type="search" placeholder="Search the names" aria-label="Search the names"
        value=${typed} onInput=${(event) => setTyped(event.target.value)} onChange=${find}
        onKeyDown=${(event) => event.key === 'Enter' && find(event)} /></div>
    </div>
    <${Remote} poll=${poll} what="what is inside">${({ entries, next }) => html`
      ${entries.length ? html`<${Entries} entries=${entries} full=${Boolean(search)} chosen=${chosen} onChoose=${onChoose} onGo=${go} />`
        : html`<p class="muted">${search ? 'No name has that in it.' : 'This directory is empty.'}</p>`}
      <p class="actions chain-acts">
        ${after.length > 0 && html`<${Button} look="quiet" icon="back" onClick=${() => setAfter(after.slice(0, -1))}>Back</${Button}>`}
        ${next && html`<${Button} look="quiet" icon="next" onClick=${() => setAfter([...after, next])}>More</${Button}>`}
      </p>`}
    </${Remote}>
  </div>`;
}

function Unreadable({ error, runId }) {
  if (error.slug !== 'encrypted') {
    return html`<${Empty} icon="archive" title="There is no list of what is inside.">
      The whole of it can be restored all the same.</${Empty}>`;
  }
  return html`<${Empty} icon="shield" title="It is encrypted, its list too.">
    A host that holds the key shows it: <code>muster-agent restore --list --log-id ${runId}</code>
  </${Empty}>`;
}

// Each directory on the way is a button: the path can be walked back up.
function Path({ path, onGo }) {
  const parts = path ? path.split('/') : [];
  return html`<nav class="crumbs" aria-label="Directory">
    <button type="button" class="linkish" onClick=${() => onGo('')}>/</button>
    ${parts.map((part, n) => html`<${Icon} name="next" />
      <button type="button" class="linkish" key=${n} onClick=${() => onGo(parts.slice(0, n + 1).join('/'))}>${part}</button>`)}
  </nav>`;
}

function Entries({ entries, full, chosen, onChoose, onGo }) {
  const isChosen = (entry) => chosen.has(entry.path) || [...chosen].some((path) => entry.path.startsWith(`${path}/`));
  const pick = {
    name: 'pick', head: 'Restore',
    cell: (entry) => html`<input type="checkbox" aria-label=${`Restore ${entry.path}`} checked=${isChosen(entry)}
      disabled=${isChosen(entry) && !chosen.has(entry.path)} onChange=${() => onChoose(entry.path)} />`,
  };
  const columns = [
    {
      name: 'path', head: 'Name',
      cell: (entry) => (isDirectory(entry)
        ? html`<button type="button" class="linkish" onClick=${() => onGo(entry.path)}>${full ? entry.path : entry.name}/</button>`
        : html`<code>${full ? entry.path : entry.name}</code>`),
    },
    { name: 'type', head: 'Kind', cell: (entry) => TYPES[entry.type] ?? entry.type },
    { name: 'size', head: 'Size', cell: (entry) => (entry.type === 'file' ? formatBytes(entry.size) : '') },
    { name: 'when', head: 'Changed', cell: (entry) => html`<${Time} ms=${entry.mtime_ms} as="stamp" none="" />` },
    {
      name: 'outcome', head: 'Remark',
      cell: (entry) => entry.outcome !== 'ok' && html`<${Badge} states=${OUTCOMES} value=${entry.outcome} />`,
    },
  ];
  return html`<${Table} label="What is inside" columns=${chosen ? [pick, ...columns] : columns} rows=${entries}
    rowKey=${(entry) => entry.path} />`;
}

// Every file of a run that was not read whole, also those that the run itself had no room to name.
export function ProblemFiles({ runId }) {
  const [after, setAfter] = useState(null);
  const url = withQuery(`/api/runs/${encodeURIComponent(runId)}/files`, { problems: 1, after, limit: PAGE });
  const poll = usePoll((signal) => api(url, { signal }), [url], 0);
  if (poll.error) return null; // there is no list, or it is encrypted: what the run itself says has to do
  return html`<${Remote} poll=${poll} what="the files">${({ entries, next }) => html`
    ${entries.length > 0 && html`<${Entries} entries=${entries} full onGo=${() => {}} />`}
    ${next && html`<p class="actions chain-acts"><${Button} look="quiet" icon="next" onClick=${() => setAfter(next)}>More</${Button}></p>`}`}
  </${Remote}>`;
}
