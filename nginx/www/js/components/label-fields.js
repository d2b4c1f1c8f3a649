// Labels edited as lines.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field, fieldErrors, lines } from './field.js';
import { labelText } from './labels.js';
import { toast } from './toast.js';

// "env=prod" a line; a line without "=" is a label without a text.
export function labelsOf(text) {
  return Object.fromEntries(lines(text).map((line) => {
    const at = line.indexOf('=');
    return at < 0 ? [line, ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
  }));
}

export function EditLabels({ agent, onChange, onClose }) {
  const [text, setText] = useState(Object.entries(agent.labels).map(labelText).join('\n'));
  const [act, { busy, error }] = useAct();
  const errors = fieldErrors(error);
  const submit = (event) => {
    event.preventDefault();
    act(async () => {
      await api(`/api/agents/${encodeURIComponent(agent.id)}`, { method: 'PATCH', body: { labels: labelsOf(text) } });
      toast(`The labels of ${agent.name} are changed.`);
      onChange();
      onClose();
    });
  };
  return html`<${Dialog} title=${`Labels of ${agent.name}`} onClose=${onClose}>
    <form onSubmit=${submit}>
      <${Field} id="labels" label="Labels" type="textarea" rows="6" value=${text} onValue=${setText} error=${errors.labels}
        hint="One a line, as name=value or a name alone. Lists, acts on many agents and rollouts choose by them."
        spellcheck=${false} autofocus />
      <${ActError} error=${errors.labels ? null : error} />
      <${DialogFooter} action="Save" busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}
