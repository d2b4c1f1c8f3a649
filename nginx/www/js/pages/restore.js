// Brings files back: what, to which host, where, and what happens to files that are there. A trial first costs nothing.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { Browse } from '../components/browse.js';
import { select } from '../components/config-what.js';
import { ActError, useAct } from '../components/dialog.js';
import { Field, fieldErrors, lines } from '../components/field.js';
import { Empty, Notice } from '../components/notice.js';
import { Panel } from '../components/panel.js';
import { Proof } from '../components/proof.js';
import { configName } from '../components/runs.js';
import { Time } from '../components/time.js';
import { Crumbs, NotThere, PageHead } from '../components/title.js';
import { plural } from '../format.js';
import { usePoll } from '../poll.js';
import { listPaths, newPlace, outsideOf } from '../roots.js';
import { navigate } from '../router.js';

const POLICIES = [
  ['never', 'stays as it is'], ['newer', 'is replaced when the backup’s is newer'],
  ['changed', 'is replaced when it differs'], ['always', 'is replaced'],
];

export function RestorePage({ id, title }) {
  const url = `/api/runs/${encodeURIComponent(id)}`;
  const poll = usePoll((signal) => api(url, { signal }), [url], 0);
  const run = poll.data?.run;
  if (!run) return html`<${NotThere} poll=${poll} title=${title} what="run"><a href="/backups">Show all runs</a></${NotThere}>`;
  const name = configName(run);
  return html`<div>
    <${Crumbs} href=${`/backups/${run.id}`} label=${name} here="Restore" />
    <${PageHead} title=${`Restore ${name}`}>
      <span class="muted">as of <${Time} ms=${run.started_ms} as="stamp" /></span><${Proof} run=${run} />
    </${PageHead}>
    ${may('operator') ? html`<${Wizard} run=${run} />`
      : html`<section class="panel"><${Empty} icon="undo" title="Your role does not restore.">Ask an operator.</${Empty}></section>`}
  </div>`;
}

function toggle(chosen, path) {
  const next = new Set([...chosen].filter((each) => each !== path && !each.startsWith(`${path}/`)));
  if (!chosen.has(path)) next.add(path);
  return next;
}

// The field that an error of the server belongs to.
const HAS_FIELD = ['agentId', 'target', 'patterns'];

function Wizard({ run }) {
  const [chosen, setChosen] = useState(new Set());
  const [form, setForm] = useState({ agentId: run.agentId ?? '', where: 'aside', target: '', policy: 'never', patterns: '' });
  const [act, { busy, error }] = useAct();
  const agents = usePoll((signal) => api('/api/agents?limit=200&sort=name', { signal }), [], 0).data?.items ?? [];
  const set = (key) => (value) => setForm((old) => ({ ...old, [key]: value }));
  const host = agents.find((agent) => agent.id === form.agentId);
  const roots = host?.roots?.restore;
  const usual = newPlace(roots, run.id);
  const target = form.target.trim() || usual;
  const errors = fieldErrors(error);
  const said = HAS_FIELD.some((key) => errors[key]);

  const ask = (dryRun) => act(async () => {
    const { job } = await api(`/api/runs/${run.id}/restore`, {
      method: 'POST',
      body: {
        ...(form.agentId ? { agentId: form.agentId } : {}), paths: [...chosen], patterns: lines(form.patterns),
        policy: form.where === 'aside' ? 'never' : form.policy, dryRun,
        ...(form.where === 'original' ? { original: true } : target ? { target } : {}),
      },
    });
    navigate(`/jobs/${job.id}`);
  });
  const submit = (event) => {
    event.preventDefault();
    ask(event.submitter?.name === 'dry');
  };
  return html`<form onSubmit=${submit} novalidate>
    <${Panel} id="what" title="What" aside=${html`<span class="muted" role="status">
      ${chosen.size ? `${plural(chosen.size, 'thing')} chosen` : 'everything, unless you choose'}</span>`}>
      <${Browse} runId=${run.id} chosen=${chosen} onChoose=${(path) => setChosen((old) => toggle(old, path))} />
    </${Panel}>
    <${Panel} id="where" title="Where">
      <div class="plan-form">
        <${Where} form=${form} set=${set} />
        <div class="field-row">
          <${Field} id="restore-agent" type="select" label="Host" value=${form.agentId} onValue=${set('agentId')} error=${errors.agentId}>
            ${select(form.agentId, [['', 'Choose a host'], ...agents.map((agent) => [agent.id, agent.name])])}
          </${Field}>
          ${form.where === 'aside' ? html`<${Field} id="restore-target" label="Directory" value=${form.target} optional
            onValue=${set('target')} error=${errors.target} spellcheck=${false}
            hint=${roots?.length ? `Below ${listPaths(roots)}. Empty: ${usual}`
              : 'Under the host’s RESTORE_ROOTS. Empty: a new one under the agent’s own state.'} />`
            : html`<${Field} id="restore-policy" type="select" label="A file that is there" value=${form.policy}
            onValue=${set('policy')}>${select(form.policy, POLICIES)}</${Field}>`}
        </div>
        ${form.where === 'original' ? html`<${Notice} tone="warn" icon="warning" text=${`Files on the host are written. ${
          roots?.length ? `It lets restores write below ${listPaths(roots)}` : 'The host’s RESTORE_ROOTS must allow it'
          }; try it first to see what would happen.`} />`
          : outsideOf(roots, [target]).length > 0 && html`<${Notice} tone="warn" icon="shield" role="status"
            text=${`${host.name} will refuse ${target}, which lies outside RESTORE_ROOTS of its agent.conf.`} />`}
        <${ActError} error=${said ? null : error} />
        <footer class="form-end">
          <button type="submit" disabled=${busy} aria-busy=${busy}>Restore</button>
          <button type="submit" name="dry" class="secondary outline" disabled=${busy}>Try it first</button>
          <span class="muted">A trial reads everything and writes nothing.</span>
        </footer>
      </div>
    </${Panel}>
  </form>`;
}

function Where({ form, set }) {
  const choice = (value, label, hint) => html`<label class="choice">
    <input type="radio" name="where" value=${value} checked=${form.where === value} onChange=${() => set('where')(value)} />
    <span>${label}<small class="muted">${hint}</small></span>
  </label>`;
  return html`<fieldset><legend class="sr">Where to</legend><div class="choice-row">
    ${choice('aside', 'Into a directory of its own', 'nothing that is there is touched')}
    ${choice('original', 'Where it came from', 'over what is there, by the rule you choose')}
  </div></fieldset>`;
}
