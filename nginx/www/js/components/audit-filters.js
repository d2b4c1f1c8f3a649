// Which rows of the trail are shown. The address holds all of it.
import { html, useLayoutEffect, useState } from '/vendor/preact.js';
import { FILTERS, RESULTS, fromLocalTime, localTime } from '../audit.js';
import { Button } from './button.js';
import { Field } from './field.js';

const MORE = ['actor', 'action', 'target', 'address', 'from_ms', 'to_ms'];

// Each field is a draft until the form is sent: half an address finds nothing, and the server would have to look for it.
export function AuditFilters({ query, change, onClear }) {
  const given = JSON.stringify(FILTERS.map((name) => query[name] ?? ''));
  const [draft, setDraft] = useState({});
  useLayoutEffect(() => setDraft({}), [given]); // before anything more can be typed
  const value = (name) => draft[name] ?? query[name] ?? '';
  const set = (name) => (text) => setDraft((old) => ({ ...old, [name]: text }));
  const submit = (event) => {
    event.preventDefault();
    change(Object.fromEntries(Object.entries(draft).map(([name, text]) => [name, text.trim()])));
  };
  const more = MORE.some((name) => query[name]);
  const text = (name, label, hint, placeholder) => html`<${Field} id=${`audit-${name}`} label=${label} hint=${hint}
    value=${value(name)} onValue=${set(name)} placeholder=${placeholder} maxlength="200" autocomplete="off" spellcheck=${false} />`;
  const time = (name, label) => html`<${Field} id=${`audit-${name}`} type="datetime-local" label=${label}
    value=${localTime(value(name))} onValue=${(local) => set(name)(fromLocalTime(local))} />`;
  return html`<form class="audit-filters" aria-label="Filter the trail" onSubmit=${submit}>
    <div class="filters">
      <div class="filter search"><input type="search" name="q" aria-label="Search the trail" placeholder="Search the trail"
        value=${value('q')} onInput=${(event) => set('q')(event.target.value)} maxlength="120" autocomplete="off" spellcheck=${false} /></div>
      <div class="filter"><select name="result" aria-label="Result" value=${query.result ?? ''}
        onChange=${(event) => change({ result: event.target.value })}>
        <option value="" selected=${!query.result}>Any result</option>
        ${Object.entries(RESULTS).map(([name, { label }]) => html`<option value=${name} selected=${query.result === name}>${label}</option>`)}
      </select></div>
      <button type="submit" class="small outline">Search</button>
      ${onClear && html`<${Button} look="quiet" onClick=${onClear}>Clear</${Button}>`}
    </div>
    <details open=${more}>
      <summary>By person, act, time and place</summary>
      <div class="audit-fields">
        ${text('actor', 'Who', 'An e-mail address, or an id as the trail has it; “user:” is everybody signed in.', 'anna@example.org')}
        ${text('action', 'Act', 'How it begins.', 'auth.')}
        ${text('target', 'On', 'As the trail has it; “agent:” is every agent.', 'agent:')}
        ${text('address', 'From the address', '“10.0.” is all that begin so.', '192.0.2.7')}
        ${time('from_ms', 'Not before')}
        ${time('to_ms', 'Before')}
      </div>
      <button type="submit" class="small outline">Apply</button>
    </details>
  </form>`;
}
