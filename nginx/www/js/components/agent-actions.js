// What can be done to an agent. Each act that stops something asks first; deleting needs the agent's name typed.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { navigate } from '../router.js';
import { Button } from './button.js';
import { ActError, Confirm, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field, fieldErrors } from './field.js';
import { EditLabels } from './label-fields.js';
import { toast } from './toast.js';

const at = (agent) => `/api/agents/${encodeURIComponent(agent.id)}`;

export function AgentActions({ agent, onChange }) {
  const [open, setOpen] = useState('');
  const close = () => setOpen('');
  if (!may('operator')) return null;
  const post = (verb, said) => async () => {
    await api(`${at(agent)}/${verb}`, { method: 'POST' });
    toast(said);
    onChange();
  };
  const remove = async () => {
    await api(at(agent), { method: 'DELETE' });
    toast(`${agent.name} is deleted.`);
    navigate('/agents', { replace: true });
  };
  const inactive = agent.status === 'deactivated';
  const button = (dialog, label, look) => html`
    <${Button} look=${look} onClick=${() => setOpen(dialog)}>${label}</${Button}>`;
  return html`<div class="actions">
    ${button('rename', 'Rename', 'quiet')}
    ${button('labels', 'Labels', 'quiet')}
    ${inactive ? button('activate', 'Activate', 'plain') : button('deactivate', 'Deactivate', 'quiet')}
    ${may('admin') && button('delete', 'Delete', 'danger')}
    ${open === 'labels' && html`<${EditLabels} agent=${agent} onChange=${onChange} onClose=${close} />`}
    ${open === 'rename' && html`<${Rename} agent=${agent} onChange=${onChange} onClose=${close} />`}
    ${open === 'deactivate' && html`<${Confirm} title=${`Deactivate ${agent.name}?`} action="Deactivate" danger
      onClose=${close} onConfirm=${post('deactivate', `${agent.name} is deactivated.`)}>
      <p>Its key stops working within a second, and its backups stop. Everything is kept, and you can activate it
        again.</p>
    </${Confirm}>`}
    ${open === 'activate' && html`<${Confirm} title=${`Activate ${agent.name}?`} action="Activate"
      onClose=${close} onConfirm=${post('activate', `${agent.name} is active again.`)}>
      <p>Its key works again. It shows as online at its next poll.</p>
    </${Confirm}>`}
    ${open === 'delete' && html`<${Confirm} title=${`Delete ${agent.name}?`} action="Delete for good" danger
      typed=${agent.name} onClose=${close} onConfirm=${remove}>
      <p>The agent and its events go, its key stops working, and its backup configurations are left without an
        agent. <strong>The backups it has stored are kept.</strong> This cannot be undone; the host would have to enrol
        again.</p>
    </${Confirm}>`}
  </div>`;
}

export function Approve({ agent, onChange }) {
  const [open, setOpen] = useState(false);
  if (!may('admin')) return html`<p class="muted">An administrator can approve it.</p>`;
  const approve = async () => {
    await api(`${at(agent)}/approve`, { method: 'POST' });
    toast(`${agent.name} is approved.`);
    onChange();
  };
  const host = html`<strong>${agent.hostname || agent.name}</strong>`;
  const address = html`<strong>${agent.address || 'an unknown address'}</strong>`;
  return html`<${Button} look="main" onClick=${() => setOpen(true)}>Approve</${Button}>
    ${open && html`<${Confirm} title=${`Approve ${agent.name}?`} action="Approve"
      onClose=${() => setOpen(false)} onConfirm=${approve}>
      <p>You are saying that ${host} at ${address} is the host that you meant to add. It may then poll and back up.</p>
    </${Confirm}>`}`;
}

function Rename({ agent, onChange, onClose }) {
  const [name, setName] = useState(agent.name);
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await api(at(agent), { method: 'PATCH', body: { name: name.trim() } });
      toast(`Renamed to ${name.trim()}.`);
      onChange();
      onClose();
    });
  };
  return html`<${Dialog} title=${`Rename ${agent.name}`} onClose=${onClose}>
    <form onSubmit=${submit}>
      <${Field} id="rename" label="Name" value=${name} onValue=${setName} error=${errors.name}
        required maxlength="120" autocomplete="off" autofocus />
      <${ActError} error=${errors.name ? null : error} />
      <${DialogFooter} action="Rename" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}
