// Changes a rollout that is under way: all of its plan, or how far the stage that runs reaches.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { plural } from '../format.js';
import { checkPlan, planBody, planErrors, planFields } from '../plan.js';
import { describeAmount } from '../rollout.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field, fieldErrors } from './field.js';
import { PlanFields } from './plan-fields.js';
import { toast } from './toast.js';

const patch = (rollout, body) => api(`/api/rollouts/${rollout.id}`, { method: 'PATCH', body });

export function ChangePlan({ rollout, onChange, onClose }) {
  const [plan, setPlan] = useState(planFields(rollout));
  const [wrong, setWrong] = useState({});
  const [act, { busy, error }] = useAct();
  const fromServer = planErrors(fieldErrors(error));
  const submit = (event) => {
    event.preventDefault();
    const found = checkPlan(plan);
    setWrong(found);
    if (Object.keys(found).length) return;
    act(async () => {
      await patch(rollout, planBody(plan));
      toast(`The plan of ${rollout.version} is changed.`);
      onChange();
      onClose();
    });
  };
  return html`<${Dialog} wide title=${`Change the plan of ${rollout.version}`} onClose=${onClose}>
    <form onSubmit=${submit} class="plan-form" novalidate>
      <p>What was offered stays offered; the new plan decides who is next. It stands in
        stage ${Math.min(rollout.stage + 1, plan.stages.length)} of ${plan.stages.length}.</p>
      <${PlanFields} plan=${plan} onPlan=${setPlan} errors=${{ ...fromServer, ...wrong }} />
      <${ActError} error=${error} />
      <${DialogFooter} action="Change" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

// The one change that is made in a hurry has a dialog of one field.
export function ChangeReach({ rollout, onChange, onClose }) {
  const stage = rollout.stages[rollout.stage];
  const unit = stage.count ? 'count' : 'percent';
  const [amount, setAmount] = useState(String(stage[unit]));
  const [act, { busy, error }] = useAct();
  const least = rollout.stages[rollout.stage - 1]?.[unit] ?? 1;
  const pointer = planErrors(fieldErrors(error))[`stages/${rollout.stage}/amount`];
  const n = Number(amount);
  const body = { stages: withAmount(rollout, unit, n) };
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await patch(rollout, body);
      toast(`Stage ${rollout.stage + 1} reaches ${describeAmount(body.stages[rollout.stage])} now.`);
      onChange();
      onClose();
    });
  };
  return html`<${Dialog} title=${`How far stage ${rollout.stage + 1} reaches`} onClose=${onClose}>
    <form onSubmit=${submit}>
      <${Field} id="reach" type="number" min=${least} max=${unit === 'percent' ? 100 : 1000000} required autofocus
        label=${unit === 'percent' ? 'Percent of the agents' : 'Agents'} value=${amount} onValue=${setAmount}
        error=${pointer} />
      <p>${effect(rollout, unit, stage[unit], n)}</p>
      <${ActError} error=${pointer ? null : error} />
      <${DialogFooter} action="Change" ready=${n > 0 && n !== stage[unit]} busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

// Later stages are never smaller than one before: they are lifted with it.
function withAmount(rollout, unit, n) {
  return rollout.stages.map((stage, m) => {
    if (m < rollout.stage || stage[unit] === undefined) return stage;
    return { ...stage, [unit]: m === rollout.stage ? n : Math.max(n, stage[unit]) };
  });
}

function effect(rollout, unit, before, n) {
  if (!(n > 0) || n === before) return 'Say how far it is to reach.';
  const agents = (value) => (unit === 'count' ? value : Math.round((value * rollout.members.total) / 100));
  const about = unit === 'count' ? '' : 'about ';
  const whom = `${about}${plural(agents(n), 'agent')}`;
  if (n < before) return `Nobody beyond ${whom} is offered it in this stage. What was offered stays.`;
  return `It reaches ${whom} instead of ${agents(before)}; the others are offered it at once, at its pace.`;
}
