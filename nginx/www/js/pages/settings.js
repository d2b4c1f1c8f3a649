// The rules of this server, which admins change while it runs, and how it is.
import { html, useState } from '/vendor/preact.js';
import { api, session } from '../api.js';
import { Badge } from '../components/badge.js';
import { Button } from '../components/button.js';
import { Confirm } from '../components/dialog.js';
import { Fact, Facts } from '../components/facts.js';
import { fieldErrors } from '../components/field.js';
import { Notice } from '../components/notice.js';
import { Panel, Remote } from '../components/panel.js';
import { RuleField, labelOf, valueText } from '../components/rule-field.js';
import { PageHead } from '../components/title.js';
import { toast } from '../components/toast.js';
import { plural } from '../format.js';
import { usePoll } from '../poll.js';
import { useStore } from '../store.js';

const GROUPS = [
  { id: 'mfa', title: 'Signing in', own: (name) => name.startsWith('auth.') },
  { id: 'limits', title: 'Limits for agents', own: (name) => name.startsWith('agents.') },
  { id: 'keep', title: 'How long things are kept', own: (name) => /^(logs|audit)\./.test(name) },
  { id: 'more', title: 'More', own: () => true },
];

export function SettingsPage({ title }) {
  const poll = usePoll((signal) => api('/api/policy', { signal }), [], 0);
  return html`<${PageHead} title=${title} />
    <div><${Remote} poll=${poll} what="the settings">${({ rules }) => html`<${Rules} rules=${rules} onSaved=${poll.refresh} />`}</${Remote}></div>
    <${Server} />`;
}

const grouped = (rules) => {
  const left = new Set(rules);
  return GROUPS.map((group) => {
    const own = rules.filter((rule) => left.has(rule) && group.own(rule.name));
    own.forEach((rule) => left.delete(rule));
    return { ...group, rules: own };
  }).filter((group) => group.rules.length);
};

const typed = (rule, value) => (rule.type === 'integer' ? Number(value) : value);

// Fields are drafts until they are saved, all at once: the server takes all of them or none.
function Rules({ rules, onSaved }) {
  const [draft, setDraft] = useState({});
  const [asking, setAsking] = useState(false);
  const [errors, setErrors] = useState({});
  const value = (rule) => draft[rule.name] ?? rule.value;
  const changes = rules.filter((rule) => String(value(rule)) !== String(rule.value))
    .map((rule) => ({ rule, from: rule.value, to: typed(rule, value(rule)) }));
  const set = (rule, next) => {
    setDraft((old) => ({ ...old, [rule.name]: next }));
    setErrors((old) => ({ ...old, [rule.name]: undefined }));
  };
  const submit = (event) => {
    event.preventDefault();
    if (changes.length) setAsking(true);
  };
  const save = async () => {
    try {
      await api('/api/policy', { method: 'PATCH', body: Object.fromEntries(changes.map(({ rule, to }) => [rule.name, to])) });
    } catch (error) {
      const wrong = fieldErrors(error);
      if (!Object.keys(wrong).length) throw error;
      setErrors(wrong);
      return;
    }
    toast(`${plural(changes.length, 'setting')} saved.`);
    setDraft({});
    onSaved();
  };
  return html`<form onSubmit=${submit} aria-label="Settings">
    ${grouped(rules).map((group) => html`<${Panel} id=${group.id} title=${group.title} key=${group.id}>
      <div class="rules">${group.rules.map((rule) => html`<${RuleField} key=${rule.name} rule=${rule} value=${value(rule)}
        error=${errors[rule.name]} onValue=${(next) => set(rule, next)} onReset=${() => set(rule, rule.default)} />`)}</div>
    </${Panel}>`)}
    <div class="save-bar" role="status">
      <span>${changes.length ? `${plural(changes.length, 'change')} not saved` : 'Everything is saved.'}</span>
      <span class="actions">
        ${changes.length > 0 && html`<${Button} look="quiet" onClick=${() => setDraft({})}>Discard</${Button}>`}
        <button type="submit" class="small" disabled=${!changes.length}>Save</button>
      </span>
    </div>
    ${asking && html`<${SaveDialog} changes=${changes} onSave=${save} onClose=${() => setAsking(false)} />`}
  </form>`;
}

// What cannot be taken back by changing the rule again.
const shorter = (from, to) => to > 0 && (from === 0 || to < from);
const WARNINGS = {
  'audit.days': ({ from, to }) => shorter(from, to) && `Rows of the audit trail that are older than ${plural(to, 'day')} are removed for good.`,
  'logs.days': ({ rule, from, to }) => shorter(from || rule.inherited, to) && `Events of agents that are older than ${plural(to, 'day')} are removed for good.`,
  'logs.rows': ({ from, to }) => shorter(from, to) && `Of each agent, all events but the newest ${to} are removed for good.`,
  'auth.mfa.required': ({ to }) => to && 'Who has no second factor can do nothing else before they have set one up. That may be you.',
};

function SaveDialog({ changes, onSave, onClose }) {
  const warnings = changes.map((change) => WARNINGS[change.rule.name]?.(change)).filter(Boolean);
  return html`<${Confirm} title=${`Change ${plural(changes.length, 'setting')}`} action="Save" danger=${warnings.length > 0}
      onConfirm=${onSave} onClose=${onClose}>
    <ul class="plain-list">${changes.map(({ rule, from, to }) => html`<li key=${rule.name}>
      ${labelOf(rule)}: ${valueText(rule, from)} → <strong>${valueText(rule, to)}</strong></li>`)}</ul>
    ${warnings.map((text) => html`<${Notice} tone="warn" icon="warning" text=${text} key=${text} />`)}
  </${Confirm}>`;
}

const HEALTH = { ok: { label: 'Well', icon: 'check', tone: 'good' } };
const PARTS = { database: 'Database', writer: 'Writing', store: 'Store of backups' };

function Server() {
  const user = useStore(session);
  const { data, error } = usePoll((signal) => api('/health', { signal }), [], 30000);
  return html`<${Panel} id="server" title="This server">
    <${Facts}>
      <${Fact} label="Version">${user?.version}</${Fact}>
      <${Fact} label="Address" wide>${location.origin}</${Fact}>
      ${data && Object.entries(data.checks).map(([name, state]) => html`<${Fact} key=${name} label=${PARTS[name] ?? name}>
        <${Badge} states=${HEALTH} value=${state} /></${Fact}>`)}
      ${error && html`<${Fact} label="Health" wide><span class="text-bad">${error.message}</span></${Fact}>`}
    </${Facts}>
  </${Panel}>`;
}
