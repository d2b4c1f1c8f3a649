// What the rules for keeping would do now: which restore points stay, and why, and which go.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { SLOTS } from '../backup.js';
import { formatBytes, plural } from '../format.js';
import { usePoll } from '../poll.js';
import { withQuery } from '../router.js';
import { Badge } from './badge.js';
import { Button } from './button.js';
import { Remote } from './panel.js';
import { Table } from './table.js';
import { Time } from './time.js';

const ACTIONS = {
  keep: { label: 'Stays', icon: 'check', tone: 'good' },
  delete: { label: 'Goes', icon: 'cross', tone: 'warn' },
};

const COLUMNS = [
  { name: 'when', head: 'Up to', cell: (chain) => html`<${Time} ms=${chain.newest_ms} as="stamp" none="–" />` },
  { name: 'action', head: 'What happens', cell: (chain) => html`<${Badge} states=${ACTIONS} value=${chain.action} />` },
  { name: 'reasons', head: 'Because', cell: (chain) => chain.reasons.join(', ') || 'no rule wants it' },
  { name: 'size', head: 'Stored', cell: (chain) => formatBytes(chain.size) },
];

// rules: as the form has them, not saved yet. undefined: the config's own.
export function RetentionPreview({ configId, rules }) {
  const [asked, setAsked] = useState(null);
  const show = () => setAsked({ at: Date.now(), query: queryOf(rules) });
  return html`<div class="preview">
    <${Button} look="quiet" icon="clock" onClick=${show}>${asked ? 'Look again' : 'What would be deleted now?'}</${Button}>
    ${asked && html`<${Answer} configId=${configId} asked=${asked} />`}
  </div>`;
}

function queryOf(rules) {
  if (!rules) return {};
  const slots = Object.fromEntries(SLOTS.map(([key]) => [key, rules.retention[key]]));
  return { ...slots, retentionDays: rules.retentionDays ?? 0 };
}

function Answer({ configId, asked }) {
  const url = withQuery(`/api/configs/${encodeURIComponent(configId)}/retention`, asked.query);
  const poll = usePoll((signal) => api(url, { signal }), [url, asked.at], 0);
  return html`<div role="status"><${Remote} poll=${poll} what="the preview">${({ chains, freedBytes }) => {
    const gone = chains.filter((chain) => chain.action === 'delete');
    return html`<p>${gone.length
      ? `${plural(gone.length, 'restore point')} of ${chains.length} would go, which frees ${formatBytes(freedBytes)}.`
      : 'Nothing would be deleted.'}</p>
      ${chains.length > 0 && html`<${Table} label="What retention would do" columns=${COLUMNS} rows=${chains}
        rowKey=${(chain) => chain.chainId} />`}`;
  }}</${Remote}></div>`;
}
