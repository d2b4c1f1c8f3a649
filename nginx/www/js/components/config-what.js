// What a backup covers, and how it is packed on its way.
import { html } from '/vendor/preact.js';
import { listPaths, outsideOf } from '../roots.js';
import { Field, lines } from './field.js';
import { Notice } from './notice.js';

export const select = (value, choices) => choices.map(([each, label]) => html`
  <option value=${each} key=${each} selected=${each === value}>${label}</option>`);

// A box to tick, with its hint.
export function Tick({ id, label, hint, checked, onValue }) {
  return html`<div class="field tick">
    <label for=${id}><input id=${id} type="checkbox" checked=${checked} aria-describedby=${hint && `${id}-hint`}
      onChange=${(event) => onValue(event.target.checked)} />${label}</label>
    ${hint && html`<small id=${`${id}-hint`} class="hint">${hint}</small>`}
  </div>`;
}

function sourcesHint(host) {
  if (!host?.roots) return 'Absolute paths on the host. The host’s own BACKUP_ROOTS decide which of them it lets go.';
  const { backup } = host.roots;
  return backup.length ? `Absolute paths. ${host.name} lets go what is below ${listPaths(backup)}.`
    : `${host.name} lets nothing go yet: BACKUP_ROOTS of its own agent.conf names what it does.`;
}

function Refused({ host, sources }) {
  const outside = outsideOf(host?.roots?.backup, lines(sources));
  return outside.length > 0 && html`<${Notice} tone="warn" icon="shield" role="status" text=${`${host.name} will refuse ${
    listPaths(outside)}, which lies outside BACKUP_ROOTS of its agent.conf. Add it there first; nobody can from here.`} />`;
}

// field(name, label, more) draws the field of that name.
export function WhatFields({ form, set, field, agents, errors }) {
  const hosts = [
    ['', 'Choose a host'], ...agents.map((agent) => [agent.id, agent.name]), ['server', 'the server’s own host'],
  ];
  const host = agents.find((agent) => agent.id === form.host);
  return html`<fieldset>
    <legend>What</legend>
    <div class="field-row">
      ${field('name', 'Name', { maxlength: 120, autocomplete: 'off' })}
      <${Field} id="config-host" type="select" label="Host" value=${form.host} onValue=${set('host')} error=${errors.host}>
        ${select(form.host, hosts)}
      </${Field}>
    </div>
    ${field('sources', 'Directories and files, one a line', {
      type: 'textarea', rows: 3, spellcheck: false, hint: sourcesHint(host),
    })}
    <${Refused} host=${host} sources=${form.sources} />
    ${field('excludes', 'Leave out, one pattern a line', {
      type: 'textarea', rows: 3, optional: true, spellcheck: false,
      hint: 'As in a .gitignore: *.tmp, cache/, /var/lib/docker, and !important.tmp to take something back in.',
    })}
    <details class="fold"><summary>More about what is left out</summary>
      <div class="field-row">
        ${field('maxFileMiB', 'Files larger than, in MiB', { optional: true, inputmode: 'numeric' })}
        ${field('skipTags', 'Directories that hold a file named', {
          optional: true, spellcheck: false, hint: 'CACHEDIR.TAG is how programs mark their caches.',
        })}
      </div>
      <${Tick} id="config-oneFileSystem" label="Stay on the source’s own file system" checked=${form.oneFileSystem}
        onValue=${set('oneFileSystem')} />
    </details>
  </fieldset>`;
}

const METHODS = [['zstd', 'zstd (fast, recommended)'], ['gzip', 'gzip (opens everywhere)'], ['none', 'none']];
const TYPES = [['incremental', 'Incremental: only what changed'], ['full', 'Full: everything, every time']];

export function HowFields({ form, set, field, errors }) {
  const choose = (name, label, choices, more = {}) => html`<${Field} id=${`config-${name}`} type="select" label=${label}
    value=${form[name]} onValue=${set(name)} error=${errors[name]} ...${more}>${select(form[name], choices)}</${Field}>`;
  return html`<fieldset>
    <legend>How</legend>
    <div class="field-row">
      ${choose('type', 'Kind', TYPES)}
      ${form.type === 'incremental' && field('fullEvery', 'A full one after so many', {
        inputmode: 'numeric', hint: 'Short chains restore faster; long ones store less.',
      })}
    </div>
    <div class="field-row">
      ${choose('method', 'Compression', METHODS)}
      ${form.method !== 'none' && field('level', 'Level', { type: 'number', min: 1, max: form.method === 'gzip' ? 9 : 19 })}
    </div>
    <${Tick} id="config-encryption" label="Encrypt on the host, before anything leaves it" checked=${form.encryption}
      onValue=${set('encryption')} hint="With age, to the host’s own AGE_RECIPIENTS. Neither this server nor the store can
        read it then, so keep the key safe: without it nothing comes back." />
    ${form.encryption && field('recipients', 'Only to these recipients, one a line', {
      type: 'textarea', rows: 2, optional: true, spellcheck: false,
      hint: 'Each must be among the host’s AGE_RECIPIENTS. Empty: all of those.',
    })}
    <details class="fold"><summary>Hooks and limits</summary>
      <div class="field-row">
        ${field('preHook', 'Run before', { optional: true, hint: 'A name from the host’s own hooks file, such as dump-db.' })}
        ${field('postHook', 'Run after', { optional: true })}
      </div>
      <div class="field-row">
        ${field('rateLimitKbps', 'At most, in KiB a second', { optional: true, inputmode: 'numeric' })}
        ${field('maxRuntimeMinutes', 'End a run after, in minutes', { optional: true, inputmode: 'numeric' })}
      </div>
    </details>
  </fieldset>`;
}
