// How far the trail is known to be whole, and what to do when it is not.
import { html } from '/vendor/preact.js';
import { api } from '../api.js';
import { plain } from '../audit.js';
import { formatCount } from '../format.js';
import { usePoll } from '../poll.js';
import { Button } from './button.js';
import { ActError, useAct } from './dialog.js';
import { LoadError, Notice } from './notice.js';
import { Time } from './time.js';
import { toast } from './toast.js';

export function AuditMark() {
  const { data, error, refresh } = usePoll((signal) => api('/api/audit/verified', { signal }), [], 10000);
  const [act, { busy, error: failure }] = useAct();
  const verify = () => act(async () => {
    const told = await api('/api/audit/verify', { method: 'POST' });
    if (told.ok) toast(`The trail is whole: ${formatCount(told.rows)} rows.`);
    refresh();
  });
  if (!data) return html`<${LoadError} error=${error} onRetry=${refresh} />`;
  return html`<${Notice} tone=${data.ok ? 'good' : 'bad'} icon=${data.ok ? 'check' : 'warning'} role=${data.ok ? undefined : 'alert'}
      text=${data.ok ? html`<${Whole} mark=${data} />` : html`<${Broken} mark=${data} />`}>
      <${Button} onClick=${verify} disabled=${busy} aria-busy=${busy}>Verify now</${Button}>
    </${Notice}>
    <${ActError} error=${failure} />`;
}

function Whole({ mark }) {
  if (!mark.at_ms) return 'Nothing was verified yet; the server begins within seconds.';
  const behind = mark.head_seq - mark.upTo_seq;
  return html`Verified up to row ${formatCount(mark.upTo_seq)}
    ${behind > 0 && html` of ${formatCount(mark.head_seq)}`}, <${Time} ms=${mark.at_ms} />.
    All of it was read <${Time} ms=${mark.full_ms} />.
    ${mark.cut && html` Rows up to ${formatCount(mark.cut.seq)} were removed <${Time} ms=${mark.cut.cut_ms} /> for their age.`}`;
}

function Broken({ mark }) {
  return html`<strong>The trail does not verify: ${plain(mark.problem)}.</strong> Found <${Time} ms=${mark.problem_ms} />.
    Somebody changed the database beside the server. Copy it as it is before anything else
    (<code>muster-app backup-db FILE</code>), and compare it with the nightly copies; up to row
    ${formatCount(mark.upTo_seq)} it was good.`;
}
