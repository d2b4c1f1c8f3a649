// Begins a rollout. The usual plan stands there already: a few agents first, then more, each stage watched for a while.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { ActError, useAct } from '../components/dialog.js';
import { Field, fieldErrors, useFocusOnError } from '../components/field.js';
import { Empty } from '../components/notice.js';
import { Panel, Remote } from '../components/panel.js';
import { PlanFields } from '../components/plan-fields.js';
import { EMPTY_TARGET, TargetFields, checkTarget, targetBody } from '../components/target-fields.js';
import { Crumbs, PageHead } from '../components/title.js';
import { toast } from '../components/toast.js';
import { formatCount, plural } from '../format.js';
import { checkPlan, planBody, planErrors, planFields } from '../plan.js';
import { usePoll } from '../poll.js';
import { navigate, useQuery } from '../router.js';

export function RolloutNewPage({ title }) {
  const poll = usePoll((signal) => api('/api/releases?limit=200', { signal }), [], 0);
  const head = html`<${Crumbs} href="/rollouts" label="Rollouts" here=${title} /><${PageHead} title=${title} />`;
  if (!may('operator')) {
    return html`${head}<section class="panel">
      <${Empty} icon="rows" title="Your role does not start rollouts.">Ask an operator or an administrator.</${Empty}>
    </section>`;
  }
  return html`${head}
    <${Panel} id="plan" title="Plan">
      <${Remote} poll=${poll} what="the releases">${({ items }) => {
        const published = items.filter((release) => release.status === 'published');
        return published.length ? html`<${PlanForm} releases=${published} />` : html`<${NothingPublished} />`;
      }}</${Remote}>
    </${Panel}>`;
}

function NothingPublished() {
  return html`<${Empty} icon="tag" title="No release is published.">
    On the server, <code>muster-app release create</code> and <code>muster-app release publish</code> make one.
  </${Empty}>`;
}

// Where the form has a place for an error; others are said at the button.
const HAS_FIELD = new RegExp(`^(${[
  'version', 'previousVersion', 'silenceS', 'target(/(labels|agents)(/.*)?)?', '(pace|thresholds)/\\w+',
  'stages(/\\d+(/\\w+)?)?', 'windows/\\d+(/(from|to))?',
].join('|')})$`);

function serverErrors(error) {
  const found = planErrors(fieldErrors(error));
  return Object.fromEntries(Object.entries(found).filter(([pointer]) => HAS_FIELD.test(pointer))
    .map(([pointer, message]) => [pointer.replace(/^(target\/\w+)\/.*/, '$1'), message]));
}

function PlanForm({ releases }) {
  const [query] = useQuery();
  const [version, setVersion] = useState(releases.some((each) => each.version === query.version)
    ? query.version : releases[0].version);
  const [previous, setPrevious] = useState('');
  const [target, setTarget] = useState(EMPTY_TARGET);
  const [plan, setPlan] = useState(planFields());
  const [wrong, setWrong] = useState({});
  const [act, { busy, error }] = useAct();
  const total = useTotal(target);
  const fromServer = serverErrors(error);
  const errors = { ...fromServer, ...wrong };
  const form = useFocusOnError(errors);

  const submit = (event) => {
    event.preventDefault();
    const found = { ...checkTarget(target), ...checkPlan(plan) };
    setWrong(found);
    if (Object.keys(found).length) return;
    act(async () => {
      const body = { version, target: targetBody(target), ...planBody(plan) };
      if (previous) body.previousVersion = previous;
      const rollout = await api('/api/rollouts', { method: 'POST', body });
      toast(`The rollout of ${version} has begun.`);
      navigate(`/rollouts/${rollout.id}`, { replace: true });
    });
  };
  const option = (chosen) => (value, text = value) => html`<option value=${value} key=${value}
    selected=${value === chosen}>${text}</option>`;
  const older = releases.filter((release) => release.version !== version);
  return html`<form onSubmit=${submit} class="plan-form" ref=${form} novalidate>
    <div class="field-row">
      <${Field} id="plan-version" type="select" label="Release" value=${version} onValue=${setVersion}
        error=${errors.version}>
        ${releases.map((release) => option(version)(release.version, `${release.version} (${release.channel})`))}
      </${Field}>
      <${Field} id="plan-previous" type="select" label="Roll back to" value=${previous} onValue=${setPrevious}
        error=${errors.previousVersion}>
        ${option(previous)('', 'the one before it in its channel')}
        ${older.map((release) => option(previous)(release.version))}
      </${Field}>
    </div>
    <${TargetFields} target=${target} onTarget=${setTarget} errors=${errors} />
    <${PlanFields} plan=${plan} onPlan=${setPlan} errors=${errors} reach=${(stage) => reachOf(stage, total)} />
    <${ActError} error=${Object.keys(fromServer).length ? null : error} />
    <footer class="form-end">
      <button type="submit" disabled=${busy} aria-busy=${busy}>Start the rollout</button>
      <span class="muted">${summary(version, target, total, plan)}</span>
    </footer>
  </form>`;
}

// How many agents it is about, where that can be known here; null where it cannot.
function useTotal(target) {
  const { data } = usePoll((signal) => api('/api/overview', { signal }), [], 0);
  if (target.kind === 'agents') return target.agents.length || null;
  return target.kind === 'all' ? data?.agents.total ?? null : null;
}

function reachOf({ amount, unit }, total) {
  const n = Number(amount);
  if (!total || !(n > 0)) return '';
  if (unit === 'count' ? n >= total : n >= 100) return total === 1 ? 'the one agent' : `all ${formatCount(total)} agents`;
  const reached = unit === 'count' ? formatCount(n) : `about ${formatCount(Math.round((n * total) / 100))}`;
  return `${reached} of ${plural(total, 'agent')}`;
}

function summary(version, target, total, plan) {
  const whom = total ? plural(total, 'agent') : 'the agents with these labels';
  if (target.kind === 'agents' && !total) return '';
  return `${version} to ${whom} in ${plural(plan.stages.length, 'stage')}. Agents that run it already are left alone.`;
}
