// Add or change what an agent backs up.
import { html, useState } from '/vendor/preact.js';
import { api } from '../api.js';
import { ActError, Dialog, DialogFooter, useAct } from './dialog.js';
import { Field, fieldErrors, lines } from './field.js';
import { toast } from './toast.js';

const DEFAULTS = {
  type: 'full', compression: true, encryption: false, retentionDays: 30, method: 'zstd', level: 3, excludes: [],
};
const MOST = { zstd: 19, gzip: 9 };

// What is wrong, said before the server has to: {field: sentence}.
function check({ name, sources, method, level }) {
  const errors = {};
  if (!name.trim()) errors.name = 'Give it a name.';
  const paths = lines(sources);
  const relative = paths.find((path) => !path.startsWith('/'));
  if (!paths.length) errors.sources = 'Name at least one directory.';
  else if (relative) errors.sources = `“${relative}” is not an absolute path; begin it with a /.`;
  const n = Number(level);
  if (!Number.isInteger(n) || n < 1 || n > MOST[method]) errors.level = `A whole number from 1 to ${MOST[method]}.`;
  return errors;
}

// config is null to add one.
export function ConfigForm({ agent, config, onSaved, onClose }) {
  const options = { ...DEFAULTS, ...config?.options };
  const [form, setForm] = useState({
    name: config?.name ?? '', method: options.method, level: String(options.level),
    sources: (config?.sources ?? []).map((source) => source.path).join('\n'), excludes: options.excludes.join('\n'),
  });
  const [wrong, setWrong] = useState({});
  const [act, { busy, error }] = useAct();
  const set = (field) => (value) => setForm((old) => ({ ...old, [field]: value }));
  const errors = { ...serverErrors(error), ...wrong };

  const submit = (event) => {
    event.preventDefault();
    const found = check(form);
    setWrong(found);
    const first = Object.keys(found)[0];
    if (first) {
      document.getElementById(`config-${first}`)?.focus();
      return;
    }
    act(async () => {
      await save(agent, config, form, options);
      toast(`${form.name.trim()} is ${config ? 'changed' : 'added. It runs when you choose “Back up now”'}.`);
      onSaved();
      onClose();
    });
  };
  return html`<${Dialog} wide title=${config ? `Edit ${config.name}` : `Add a backup to ${agent.name}`} onClose=${onClose}>
    <form onSubmit=${submit} novalidate>
      <${Field} id="config-name" label="Name" value=${form.name} onValue=${set('name')} error=${errors.name}
        maxlength="120" autocomplete="off" autofocus />
      <${Field} id="config-sources" type="textarea" rows="3" label="Directories and files, one a line"
        value=${form.sources} onValue=${set('sources')} error=${errors.sources} spellcheck=${false}
        hint="Absolute paths on the host. The host's own BACKUP_ROOTS decide which of them it lets go." />
      <div class="field-row">
        <${Field} id="config-method" type="select" label="Compression" value=${form.method} onValue=${set('method')}>
          <option value="zstd" selected=${form.method === 'zstd'}>zstd (fast, recommended)</option>
          <option value="gzip" selected=${form.method === 'gzip'}>gzip (opens everywhere)</option>
        </${Field}>
        <${Field} id="config-level" type="number" label="Level" min="1" max=${MOST[form.method]} value=${form.level}
          onValue=${set('level')} error=${errors.level} />
      </div>
      <${Field} id="config-excludes" type="textarea" rows="2" optional label="Leave out, one pattern a line"
        value=${form.excludes} onValue=${set('excludes')} error=${errors.excludes} spellcheck=${false}
        hint="Shell patterns such as *.tmp or /home/*/.cache" />
      <${ActError} error=${Object.keys(serverErrors(error)).length ? null : error} />
      <${DialogFooter} action=${config ? 'Save' : 'Add'} busy=${busy} onClose=${onClose} />
    </form>
  </${Dialog}>`;
}

// Options that this form does not show (retention, schedule) go back as they came.
function save(agent, config, form, options) {
  const body = {
    name: form.name.trim(),
    agentId: agent.id,
    sources: lines(form.sources).map((path) => ({ path })),
    options: { ...options, method: form.method, level: Number(form.level), excludes: lines(form.excludes) },
  };
  return api(config ? `/api/configs/${config.id}` : '/api/configs', { method: config ? 'PUT' : 'POST', body });
}

// "/sources/0/path" and "/options/level" belong to the fields named sources and level.
function serverErrors(error) {
  const [[pointer, message] = []] = Object.entries(fieldErrors(error));
  const field = pointer?.split('/').find((part) => ['name', 'sources', 'level', 'excludes'].includes(part));
  return field ? { [field]: message } : {};
}
