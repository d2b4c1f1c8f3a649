// What can be done to the agents that are chosen in the list, or to all that its filters let through.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { formatCount, plural } from '../format.js';
import { Button } from './button.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field, lines } from './field.js';
import { labelsOf } from './label-fields.js';
import { Notice } from './notice.js';
import { toast } from './toast.js';

const MOST = 1000;

// Which rows are chosen, as keys; what is not on the page any more stays chosen until it is used or given up.
export function useChoice(rows, rowKey, nameOf) {
  const [keys, setKeys] = useState(new Set());
  const here = rows.map(rowKey);
  const all = here.length > 0 && here.every((key) => keys.has(key));
  const flip = (wanted, on) => setKeys((old) => {
    const next = new Set(old);
    for (const key of wanted) next[on ? 'add' : 'delete'](key);
    return next;
  });
  return {
    keys, all, name: nameOf,
    has: (key) => keys.has(key),
    toggle: (key) => flip([key], !keys.has(key)),
    toggleAll: () => flip(here, !all),
    clear: () => setKeys(new Set()),
  };
}

const ACTS = {
  label: { button: 'Add labels', title: (who) => `Add labels to ${who}`, action: 'Add' },
  unlabel: { button: 'Remove labels', title: (who) => `Remove labels from ${who}`, action: 'Remove' },
  activate: { button: 'Activate', title: (who) => `Activate ${who}?`, action: 'Activate' },
  deactivate: { button: 'Deactivate', title: (who) => `Deactivate ${who}?`, action: 'Deactivate', danger: true },
  update: { button: 'Update', title: (who) => `Update ${who}`, action: 'Offer the version' },
};

// choice: useChoice's; total: how many the filters let through; filter: them, as the API takes them.
export function BulkBar({ choice, total, filter, versions, onDone }) {
  const [everyone, setEveryone] = useState(false);
  const [act, setAct] = useState('');
  if (!choice.keys.size && !everyone) return null;
  const count = everyone ? total : choice.keys.size;
  const who = everyone ? { filter } : { ids: [...choice.keys] };
  const done = () => {
    choice.clear();
    setEveryone(false);
    onDone();
  };
  const giveUp = () => {
    choice.clear();
    setEveryone(false);
  };
  return html`<div class="bulk" role="region" aria-label="Chosen agents">
    <strong role="status">${plural(count, 'agent')} chosen</strong>
    ${!everyone && choice.all && total > choice.keys.size && total <= MOST && html`
      <${Button} look="quiet" onClick=${() => setEveryone(true)}>Choose all ${formatCount(total)}</${Button}>`}
    <span class="actions">${Object.entries(ACTS).map(([name, { button, danger }]) => html`
      <${Button} key=${name} look=${danger ? 'danger' : 'plain'} onClick=${() => setAct(name)}>${button}</${Button}>`)}
      <${Button} look="quiet" onClick=${giveUp}>Give up the choice</${Button}></span>
    ${act && html`<${BulkDialog} act=${act} who=${who} count=${count} versions=${versions} onDone=${done}
      onClose=${() => setAct('')} />`}
  </div>`;
}

function request(act, who, text) {
  if (act === 'update') return ['/api/agents/bulk/update', { ...who, version: text.trim() }];
  const args = act === 'label' ? { labels: labelsOf(text) } : { names: lines(text) };
  const body = { ...who, action: act };
  return ['/api/agents/bulk', act === 'label' || act === 'unlabel' ? { ...body, args } : body];
}

function BulkDialog({ act, who, count, versions, onDone, onClose }) {
  const [text, setText] = useState('');
  const [result, setResult] = useState(null);
  const [work, { busy, error }] = useAct();
  const { title, action, danger } = ACTS[act];
  const end = () => {
    if (result) onDone();
    onClose();
  };
  const submit = (event) => {
    event.preventDefault();
    work(async () => {
      const [path, body] = request(act, who, text);
      const reply = await api(path, { method: 'POST', body });
      if (reply.failed) {
        setResult(reply);
        return;
      }
      toast(`Done for ${plural(reply.done, 'agent')}.`);
      onDone();
      onClose();
    });
  };
  return html`<${Dialog} title=${title(plural(count, 'agent'))} onClose=${end}>
    ${result ? html`<${Failures} result=${result} onClose=${end} />` : html`<form onSubmit=${submit}>
      <${BulkFields} act=${act} text=${text} setText=${setText} versions=${versions} />
      <${ActError} error=${error} />
      <${DialogFooter} action=${action} danger=${danger} busy=${busy} onClose=${onClose}
        ready=${Boolean(text.trim()) || act === 'activate' || act === 'deactivate'} />
    </form>`}
  </${Dialog}>`;
}

function BulkFields({ act, text, setText, versions }) {
  const field = (label, hint) => html`<${Field} id="bulk-text" label=${label} hint=${hint} type="textarea" rows="4"
    value=${text} onValue=${setText} spellcheck=${false} autofocus />`;
  if (act === 'label') return field('Labels', 'One a line, as name=value or a name alone; what an agent has of these names is replaced.');
  if (act === 'unlabel') return field('Names', 'One a line. An agent without such a label stays as it is.');
  if (act === 'update') {
    return html`<${Field} id="bulk-text" label="Version" value=${text} onValue=${setText} list="bulk-versions"
        hint="A published release. Each agent takes it at its next poll; those that cannot say why." autocomplete="off"
        spellcheck=${false} autofocus />
      <datalist id="bulk-versions">${(versions ?? []).map((version) => html`<option key=${version} value=${version} />`)}</datalist>`;
  }
  return act === 'deactivate'
    ? html`<p>Their keys stop working within a second, and their backups stop. Everything is kept, and you can activate them
        again.</p>`
    : html`<p>Their keys work again. They show as online at their next poll.</p>`;
}

function Failures({ result, onClose }) {
  const failed = result.items.filter((item) => !item.ok);
  return html`<${Notice} tone="warn" icon="warning" role="alert"
      text=${`Done for ${plural(result.done, 'agent')}, refused by ${formatCount(result.failed)}.`} />
    <ul class="failures">${failed.slice(0, 20).map((item) => html`<li key=${item.id}>
      <a href=${`/agents/${item.id}`}>${item.id}</a>: ${item.detail}</li>`)}</ul>
    ${failed.length > 20 && html`<p class="muted">and ${formatCount(failed.length - 20)} more</p>`}
    <p><${Button} onClick=${onClose}>Close</${Button}></p>`;
}
