// A table that app.css turns into cards on a narrow screen: each cell carries its column's name for that.
import { html } from '/vendor/preact.js';

// columns: [{name, head, cell(row), sort?, wide?}]; sorting: {by, order, change(by, order)} when the server sorts.
export function Table({ label, columns, rows, rowKey, sorting, busy }) {
  return html`<div class=${`table ${busy ? 'stale' : ''}`}>
    <table>
      <caption class="sr">${label}</caption>
      <thead><tr>${columns.map((column) => html`<${Head} column=${column} sorting=${sorting} />`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr key=${rowKey(row)}>
        ${columns.map((column) => html`<td data-label=${column.head} class=${`col-${column.name}`}>${column.cell(row)}</td>`)}
      </tr>`)}</tbody>
    </table>
  </div>`;
}

function Head({ column, sorting }) {
  const className = `col-${column.name}`;
  if (!column.sort || !sorting) {
    return html`<th scope="col" class=${className}>${column.hidden ? html`<span class="sr">${column.head}</span>` : column.head}</th>`;
  }
  const active = sorting.by === column.sort;
  const ascending = sorting.order !== 'desc';
  const flip = () => sorting.change(column.sort, active && ascending ? 'desc' : 'asc');
  return html`<th scope="col" class=${className} aria-sort=${active ? (ascending ? 'ascending' : 'descending') : 'none'}>
    <button type="button" class="sort" onClick=${flip}>${column.head}<span class="arrow" aria-hidden="true">${active ? (ascending ? '↑' : '↓') : '↕'}</span></button>
  </th>`;
}
