// The table of runs.

Object.assign(state, { sorted: '', falling: true });

function cell(value) {
  if (!value) return el('td', {}, '–');
  const [middle, low, high, seeds] = value;
  const node = el('td', {}, number(middle));
  if (known(low)) node.append(el('small', {}, ` [${number(low)}, ${number(high)}]`));
  if (seeds > 1) node.title = `${seeds} seeds`;
  return node;
}

function sortedRows() {
  const { columns, rows: all } = DATA.table;
  const place = columns.indexOf(state.sorted);
  const sign = state.falling ? -1 : 1;
  const value = (r) => (r.cells[place] || [])[0];
  if (state.sorted === 'name') return [...all].sort((a, b) => sign * a.name.localeCompare(b.name));
  if (place < 0) return all;
  // Rows without the value stay last.
  const there = (r) => Number(known(value(r)));
  return [...all].sort((a, b) => there(b) - there(a) || (there(a) ? sign * (value(a) - value(b)) : 0));
}

function csv() {
  // A cell that begins like a formula would be one in a spreadsheet.
  const safe = (x) => typeof x === 'string' && /^[=+\-@\t\r]/.test(x) ? `'${x}` : x;
  const quote = (x) => known(x) ? `"${String(safe(x)).replace(/"/g, '""')}"` : '';
  const { columns } = DATA.table;
  const head = ['run', ...columns.flatMap((c) => [c, `${c}: low`, `${c}: high`])];
  const lines = sortedRows().map((r) => [r.name, ...r.cells.flatMap((c) => [0, 1, 2].map((i) => (c || [])[i]))]);
  return [head, ...lines].map((line) => line.map(quote).join(',')).join('\r\n') + '\r\n';
}

function save() {
  const url = URL.createObjectURL(new Blob([csv()], { type: 'text/csv' }));
  el('a', { href: url, download: 'runs.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// The head of a column, which sorts by it.
function sorter(key, place) {
  const mine = state.sorted === key;
  const order = !mine ? 'none' : state.falling ? 'descending' : 'ascending';
  const mark = !mine ? '' : state.falling ? ' ▾' : ' ▴';
  const click = () => {
    state.falling = mine ? !state.falling : key !== 'name';
    state.sorted = key;
    buildTable();
    $(`sort-${place}`).focus();
  };
  return el('th', { scope: 'col', 'aria-sort': order },
    el('button', { type: 'button', id: `sort-${place}`, on: { click } }, (key === 'name' ? 'run' : key) + mark));
}

function buildTable() {
  const scrolled = $('runs') ? $('runs').parentNode.scrollLeft : 0;
  const section = emptied($('table'));
  const { columns, recent } = DATA.table;
  const body = sortedRows().map((r) => el('tr', {}, el('td', { className: 'text' }, r.name), r.cells.map(cell)));
  section.append(
    el('div', { className: 'controls' },
      el('button', { type: 'button', id: 'csv', on: { click: save } }, 'Save as CSV')),
    el('div', { className: 'wide', tabIndex: 0, role: 'region', 'aria-label': 'Table of runs' },
      el('table', { id: 'runs' },
        el('thead', {}, el('tr', {}, ['name', ...columns].map(sorter))), el('tbody', {}, body))),
    faint(`Returns are means of ${recent} episodes: the last ones, the best in a row, the last before a step.`
      + ' In brackets: the lowest and the highest of two to four seeds; of five or more, whose interquartile mean'
      + ' is shown, a 95% interval by bootstrap; of one, that of its episodes. Seeds have a value together, once'
      + ' all of them have one.'));
  $('runs').parentNode.scrollLeft = scrolled;
}
