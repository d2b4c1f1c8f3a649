// A table that app.css turns into cards on a narrow screen: each cell carries its column's name for that.
import { html } from '/vendor/preact.js';
import { Sort } from './filters.js';

// columns: [{name, head, cell(row), sort?, hidden?}], hidden leaving the head to assistive technology;
// sorting: {by, order, change(by, order)} when the server sorts; sorts: how, in the words of filters.js, where there are no
// heads to see, when that is not what the columns say; choosing: {has(key), toggle(key), all, toggleAll(), name(row)}
// when rows can be chosen.
export function Table({ label, columns: given, rows, rowKey, sorting, sorts, choosing, busy }) {
  const columns = choosing ? [choice(choosing, rowKey), ...given] : given;
  const cell = (column, row) => html`
    <td data-label=${column.label ?? column.head} class=${`col-${column.name}`}>${column.cell(row)}</td>`;
  return html`${sorting && html`<${Sort} label=${`Sort: ${label}`} look="narrow-only" sorting=${sorting}
    sorts=${sorts ?? sortsOf(given, sorting)} />`}
  <div class=${`table ${busy ? 'stale' : ''}`}>
    <table>
      <caption class="sr">${label}</caption>
      <thead><tr>${columns.map((column) => html`<${Head} column=${column} sorting=${sorting} />`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${rowKey(row)}>${columns.map((column) => cell(column, row))}</tr>`)}</tbody>
    </table>
  </div>`;
}

// An order that no head stands for is the usual one.
function sortsOf(columns, { by, order }) {
  const sorts = columns.filter((column) => column.sort).flatMap(({ sort, head }) => [[`${sort}.asc`, `${head} ↑`], [`${sort}.desc`, `${head} ↓`]]);
  const now = `${by}.${order}`;
  return sorts.some(([value]) => value === now) ? sorts : [[now, 'As usual'], ...sorts];
}

const choice = (choosing, rowKey) => ({
  name: 'choose', label: 'Chosen',
  head: html`<input type="checkbox" aria-label="Choose all of this page" checked=${choosing.all} onChange=${choosing.toggleAll} />`,
  cell: (row) => html`<input type="checkbox" aria-label=${`Choose ${choosing.name(row)}`}
    checked=${choosing.has(rowKey(row))} onChange=${() => choosing.toggle(rowKey(row))} />`,
});

function Head({ column: { name, head, sort, hidden }, sorting }) {
  const className = `col-${name}`;
  if (!sort || !sorting) {
    return html`<th scope="col" class=${className}>${hidden ? html`<span class="sr">${head}</span>` : head}</th>`;
  }
  const active = sorting.by === sort;
  const ascending = sorting.order !== 'desc';
  const [state, arrow] = !active ? ['none', '↕'] : ascending ? ['ascending', '↑'] : ['descending', '↓'];
  const flip = () => sorting.change(sort, active && ascending ? 'desc' : 'asc');
  return html`<th scope="col" class=${className} aria-sort=${state}>
    <button type="button" class="sort" onClick=${flip}>
      ${head}<span class="arrow" aria-hidden="true">${arrow}</span>
    </button>
  </th>`;
}
