// The parts above a list: a search, choices, the file.
import { html, useEffect, useLayoutEffect, useRef, useState } from '/vendor/preact.js';
import { Button } from './button.js';
import { Icon } from './icon.js';

const TYPING_MS = 250;

export function Select({ name, label, look = '', value, options, onChoose }) {
  const option = ([each, text]) => html`<option value=${each} key=${each} selected=${each === value}>${text}</option>`;
  return html`<div class=${`filter ${look}`}>
    <select name=${name} aria-label=${label} value=${value} onChange=${(event) => onChoose(event.target.value)}>
      ${options.map(option)}
    </select>
  </div>`;
}

// Types freely, asks when the typing pauses, and follows the address when that changes for another reason.
export function Search({ value, label = 'Search', name = 'q', onSearch }) {
  const [text, setText] = useState(value);
  const timer = useRef(0);
  const sent = useRef(value);
  // At once: a moment later it could take what was typed meanwhile for a change of the address.
  useLayoutEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    setText(value);
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (event) => {
    const next = event.target.value;
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      sent.current = next.trim();
      onSearch(next.trim());
    }, TYPING_MS);
  };
  return html`<div class="filter search">
    <input type="search" name=${name} aria-label=${label} placeholder=${label} value=${text} onInput=${type}
      maxlength="120" autocomplete="off" spellcheck=${false} />
  </div>`;
}

// Everything that the filters let through, as a file: the browser's own download, signed in as the page is.
export const Export = ({ list, what }) => html`<a class="export small-text" href=${list.csv} download
  aria-label=${`Export ${what} as CSV`}><${Icon} name="download" />CSV</a>`;

// sorts: [sort.order, text] each.
export const Sort = ({ sorting, sorts, label = 'Sort', look }) => html`<${Select} name="sort" label=${label} look=${look}
  value=${`${sorting.by}.${sorting.order}`} options=${sorts} onChoose=${(value) => sorting.change(...value.split('.'))} />`;

// search: the label of the search; choices: [{name, label, all, options}], options as [value, text]; sorts: of what is no
// table, whose heads do that.
export function Filters({ list, what, search = 'Search', choices = [], sorts }) {
  const { chosen, change, sorting, filtered, clear } = list;
  return html`<form class="filters" aria-label=${`Filter ${what}`} onSubmit=${(event) => event.preventDefault()}>
    ${search && html`<${Search} value=${chosen.q ?? ''} label=${search} onSearch=${(q) => change({ q }, { replace: true })} />`}
    ${choices.map(({ name, label, all, options }) => html`<${Select} key=${name} name=${name} label=${label}
      value=${chosen[name] ?? ''} options=${[['', all], ...options]} onChoose=${(value) => change({ [name]: value })} />`)}
    ${sorts && html`<${Sort} sorting=${sorting} sorts=${sorts} />`}
    ${filtered && html`<${Button} look="quiet" onClick=${clear}>Clear</${Button}>`}
  </form>`;
}
