// The fields of a rollout's plan: its stages, and in a fold what limits it. Used to begin one and to change one.
import { html } from '/vendor/preact.js';
import { nextStage } from '../plan.js';
import { Button, IconButton } from './button.js';
import { Field } from './field.js';
import { WindowFields } from './window-fields.js';

const MOST_STAGES = 20;

const idOf = (pointer) => `plan-${pointer.replaceAll('/', '-')}`;

// plan: what plan.js makes; onPlan(next); errors: {pointer: sentence}; reach(stage): a hint on how many that is, or ''.
export function PlanFields({ plan, onPlan, errors, reach = () => '' }) {
  const set = (name) => (value) => onPlan({ ...plan, [name]: value });
  const setStage = (n) => (patch) => set('stages')(plan.stages.map((stage, m) => (
    m === n ? { ...stage, ...patch } : stage)));
  const limitErrors = Object.keys(errors).some((pointer) => !pointer.startsWith('stages/'));
  return html`
    <fieldset class="stages-form">
      <legend>Stages</legend>
      <ol>${plan.stages.map((stage, n) => html`<${StageFields} key=${n} n=${n} stage=${stage} errors=${errors}
        last=${n === plan.stages.length - 1} hint=${reach(stage)} onStage=${setStage(n)}
        onRemove=${plan.stages.length > 1 && (() => set('stages')(plan.stages.filter((_, m) => m !== n)))} />`)}</ol>
      ${errors.stages && html`<small class="field-error" role="alert">${errors.stages}</small>`}
      <${Button} look="quiet" icon="plus" disabled=${plan.stages.length >= MOST_STAGES}
        onClick=${() => set('stages')([...plan.stages, nextStage(plan.stages)])}>Add a stage</${Button}>
    </fieldset>
    <details class="fold" open=${limitErrors || undefined}>
      <summary>Pace, limits and windows</summary>
      <${Limits} plan=${plan} set=${set} errors=${errors} />
      <${WindowFields} windows=${plan.windows} onWindows=${set('windows')} errors=${errors} />
    </details>`;
}

function StageFields({ n, stage, errors, last, hint, onStage, onRemove }) {
  const at = `stages/${n}`;
  const name = `Stage ${n + 1}`;
  const field = (key, pointer, rest) => html`<${Field} id=${idOf(`${at}/${pointer}`)} value=${stage[key]}
    error=${errors[`${at}/${pointer}`]} onValue=${(value) => onStage({ [key]: value })} ...${rest} />`;
  const option = (key, value, text) => html`<option value=${value} selected=${stage[key] === value}>${text}</option>`;
  return html`<li class="stage-form">
    <div class="stage-form-head"><strong>${name}</strong>${hint && html`<span class="muted">${hint}</span>`}
      ${onRemove && html`<${IconButton} icon="cross" label=${`Remove ${name}`} onClick=${onRemove} />`}</div>
    <div class="stage-row">
      ${field('amount', 'amount', {
        label: html`Up to<span class="sr"> (${name})</span>`, type: 'number', min: 1, inputmode: 'numeric',
      })}
      ${field('unit', 'unit', {
        label: html`of<span class="sr"> what (${name})</span>`, type: 'select',
        children: [option('unit', 'count', 'agents'), option('unit', 'percent', '% of agents')],
      })}
      ${!last && field('soak', 'soakS', {
        label: html`Watch, minutes<span class="sr"> (${name})</span>`, type: 'number', min: 0, step: 'any',
      })}
      ${!last && field('advance', 'advance', {
        label: html`Next stage<span class="sr"> (after ${name})</span>`, type: 'select',
        children: [option('advance', 'auto', 'by itself'), option('advance', 'manual', 'when I say so')],
      })}
      ${field('k8s', 'k8s', {
        label: html`Containers<span class="sr"> (${name})</span>`, type: 'select',
        children: [option('k8s', 'manual', 'by hand'), option('k8s', 'automatic', 'roll out too')],
      })}
    </div>
  </li>`;
}

function Limits({ plan, set, errors }) {
  const number = (name, pointer, rest) => html`<${Field} id=${idOf(pointer)} type="number" value=${plan[name]}
    error=${errors[pointer]} onValue=${set(name)} inputmode="numeric" ...${rest} />`;
  return html`
    <div class="field-row">
      ${number('maxInFlight', 'pace/maxInFlight', { label: 'Agents under way at a time', min: 1 })}
      ${number('maxPerMinute', 'pace/maxPerMinute', {
        label: 'Agents begun a minute', optional: true, placeholder: 'no limit', min: 1,
      })}
    </div>
    <p class="fields-lead">It pauses itself when more fail than this. Empty is no limit.</p>
    <div class="field-row">
      ${number('failedPercent', 'thresholds/failedPercent', {
        label: 'Failed, in % of those offered', optional: true, placeholder: 'no limit', min: 0, max: 100,
      })}
      ${number('failedCount', 'thresholds/failedCount', {
        label: 'Failed agents', optional: true, placeholder: 'no limit', min: 0,
      })}
    </div>
    <div class="field-row">
      ${number('errorFactor', 'thresholds/errorFactor', {
        label: 'Unhealthy from this many times the usual errors', optional: true, placeholder: 'not judged', min: 2,
        hint: 'Its own before the update, and those of hosts without it.',
      })}
      ${number('silence', 'silenceS', {
        label: 'Minutes without a word before it counts as failed', min: 0, step: 'any',
        hint: 'Outages of this server are not counted.',
      })}
    </div>`;
}
