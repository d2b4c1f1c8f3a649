// One row of the trail with all that is known of it.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { RESULTS, nameOf, placeOf, plain } from '../audit.js';
import { formatCount } from '../format.js';
import { usePoll } from '../poll.js';
import { withQuery } from '../router.js';
import { Badge } from './badge.js';
import { Dialog } from './dialog.js';
import { Fact, Facts } from './facts.js';
import { Empty } from './notice.js';
import { Remote } from './panel.js';
import { Time } from './time.js';

export const Result = ({ value }) => html`<${Badge} states=${RESULTS} value=${value} />`;

// It is asked for by itself: a shared address need not be that of the page it stands on.
export function AuditRow({ seq, onClose }) {
  const number = /^[1-9][0-9]{0,14}$/.test(seq) ? Number(seq) : 0;
  const url = withQuery('/api/audit', { before: number + 1, limit: 1 });
  const poll = usePoll((signal) => api(url, { signal }), [url], 0);
  return html`<${Dialog} title=${`Row ${formatCount(number)} of the audit trail`} onClose=${onClose} wide>
    <${Remote} poll=${poll} what="the row">${({ items: [row] }) => (row?.seq === number
      ? html`<${Known} row=${row} />`
      : html`<${Empty} icon="rows" title="There is no such row.">Old rows are removed after the days that the settings say.</${Empty}>`)}
    </${Remote}>
  </${Dialog}>`;
}

function Known({ row }) {
  return html`<${Facts}>
    <${Fact} label="When"><${Time} ms=${row.time_ms} as="stamp" /></${Fact}>
    <${Fact} label="Result"><${Result} value=${row.result} /></${Fact}>
    <${Fact} label="Who" wide><${Party} id=${row.actor} name=${row.actorName} /></${Fact}>
    <${Fact} label="Act" wide><code>${plain(row.action)}</code></${Fact}>
    <${Fact} label="On" wide><${Party} id=${row.target} name=${row.targetName} /></${Fact}>
    <${Fact} label="From">${plain(row.address) || '–'}</${Fact}>
    <${Fact} label="Request" wide><code>${plain(row.requestId) || '–'}</code></${Fact}>
    <${Fact} label="MAC" wide><code>${plain(row.mac)}</code></${Fact}>
  </${Facts}>
  ${Object.keys(row.detail).length > 0 && html`<h3 class="label" id="audit-detail">What belongs to it</h3>
    <pre class="audit-detail" tabindex="0" role="group" aria-labelledby="audit-detail"><code>${lines(row.detail)}</code></pre>`}`;
}

// The line breaks are ours; what was in a text is shown as an escape.
const lines = (detail) => JSON.stringify(detail, null, 2).split('\n').map(plain).join('\n');

function Party({ id, name }) {
  if (!id) return '–';
  const place = name ? placeOf(id) : '';
  const shown = html`<bdi>${nameOf(id, name)}</bdi>`;
  return html`${place ? html`<a href=${place}>${shown}</a>` : shown}<small class="muted audit-id">${plain(id)}</small>`;
}
