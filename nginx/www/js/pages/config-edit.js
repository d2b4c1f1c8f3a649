// Adds a backup, changes one, or makes another like it.
import { html, useState } from '/vendor/preact.js';
import { api, may } from '../api.js';
import { checkConfig, configBody, configFields, fieldOfPointer, retentionOf } from '../backup.js';
import { HowFields, WhatFields } from '../components/config-what.js';
import { KeepFields, WatchFields, WhenFields } from '../components/config-when.js';
import { ActError, useAct } from '../components/dialog.js';
import { Field, useFocusOnError } from '../components/field.js';
import { Empty } from '../components/notice.js';
import { Panel, Remote } from '../components/panel.js';
import { RetentionPreview } from '../components/retention.js';
import { Crumbs, PageHead } from '../components/title.js';
import { toast } from '../components/toast.js';
import { usePoll } from '../poll.js';
import { navigate, useQuery } from '../router.js';

const AGENTS_SHOWN = 200;

// All that the form chooses from. A failed list of hosts is no reason to lose the config.
async function load(id, signal) {
  const [{ items }, config] = await Promise.all([
    api(`/api/agents?limit=${AGENTS_SHOWN}&sort=name`, { signal }),
    id ? api(`/api/configs/${encodeURIComponent(id)}`, { signal }) : null,
  ]);
  return { agents: items, config };
}

export function ConfigEditPage({ id, title }) {
  const [query] = useQuery();
  const from = id ?? query.clone;
  const poll = usePoll((signal) => load(from, signal), [from], 0);
  const name = poll.data?.config?.name;
  const heading = id && name ? `Edit ${name}` : query.clone && name ? `A backup like ${name}` : title;
  const head = html`<${Crumbs} href=${id ? `/configs/${id}` : '/backups'} label=${id ? name ?? 'Backup' : 'Backups'}
    here=${id ? 'Edit' : 'Add'} /><${PageHead} title=${heading} />`;
  if (!may('operator')) {
    return html`${head}<section class="panel">
      <${Empty} icon="archive" title="Your role does not change backups.">Ask an operator or an administrator.</${Empty}>
    </section>`;
  }
  return html`${head}<${Panel} id="config" title="Backup">
    <${Remote} poll=${poll} what="the backup">${(data) => html`
      <${ConfigForm} ...${data} id=${id} agentId=${query.agent} cloned=${Boolean(query.clone)} />`}
    </${Remote}>
  </${Panel}>`;
}

// A clone has the other's everything but its name; a new one may know its host already.
function firstFields({ config, agentId, cloned }) {
  const fields = configFields(config);
  if (cloned) return { ...fields, name: `${fields.name} copy`, host: agentId ?? fields.host };
  return config ? fields : { ...fields, host: agentId ?? '' };
}

function ConfigForm({ config, agents, id, agentId, cloned }) {
  const [form, setForm] = useState(() => firstFields({ config, agentId, cloned }));
  const [wrong, setWrong] = useState({});
  const [act, { busy, error }] = useAct();
  const set = (name) => (value) => setForm((old) => ({ ...old, [name]: value }));
  const place = error?.pointer ? fieldOfPointer(error.pointer, form) : null;
  const errors = { ...(place ? { [place]: error.message } : {}), ...wrong };
  const element = useFocusOnError(errors);
  const field = (name, label, more = {}) => html`<${Field} id=${`config-${name}`} label=${label} value=${form[name]}
    onValue=${set(name)} error=${errors[name]} ...${more} />`;
  const parts = { form, set, field, errors, agents };

  const submit = (event) => {
    event.preventDefault();
    const found = checkConfig(form);
    setWrong(found);
    if (Object.keys(found).length) return;
    act(async () => {
      const body = configBody(form);
      const saved = await api(id ? `/api/configs/${id}` : '/api/configs', { method: id ? 'PUT' : 'POST', body });
      toast(id ? `${body.name} is changed.` : `${body.name} is added.`);
      navigate(`/configs/${saved.id}`, { replace: true });
    });
  };
  return html`<form onSubmit=${submit} class="plan-form" ref=${element} novalidate>
    <${WhatFields} ...${parts} />
    <${WhenFields} ...${parts} />
    <${HowFields} ...${parts} />
    <${KeepFields} ...${parts}>
      ${id && html`<${RetentionPreview} configId=${id} rules=${retentionOf(form)} />`}
    </${KeepFields}>
    <${WatchFields} ...${parts} />
    <${ActError} error=${place ? null : error} />
    <footer class="form-end">
      <button type="submit" disabled=${busy} aria-busy=${busy}>${id ? 'Save' : 'Add the backup'}</button>
      <a href=${id ? `/configs/${id}` : '/backups'}>Cancel</a>
    </footer>
  </form>`;
}
