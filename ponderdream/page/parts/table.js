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
  const found = [...all];
  if (state.sorted === 'name') {
    found.sort((a, b) => a.name.localeCompare(b.name) * (state.falling ? -1 : 1));
  } else if (place >= 0) {
    const key = (r) => r.cells[place] ? r.cells[place][0] : -Infinity;
    // Rows without the value stay last.
    found.sort((a, b) => key(a) === key(b) ? 0 : key(a) === -Infinity ? 1 : key(b) === -Infinity ? -1
      : (key(a) - key(b)) * (state.falling ? -1 : 1));
  }
  return found;
}

function csv() {
  // A cell that begins like a formula would be one in a spreadsheet.
  const safe = (x) => typeof x === 'string' && /^[=+\-@\t\r]/.test(x) ? `'${x}` : x;
  const quote = (x) => x === null || x === undefined ? '' : `"${String(safe(x)).replace(/"/g, '""')}"`;
  const { columns } = DATA.table;
  const head = ['run', ...columns.flatMap((c) => [c, `${c}: low`, `${c}: high`])];
  const lines = sortedRows().map((r) => [r.name, ...r.cells.flatMap((c) => c ? [c[0], c[1], c[2]] : [null, null, null])]);
  return [head, ...lines].map((line) => line.map(quote).join(',')).join('\r\n') + '\r\n';
}

function save() {
  const url = URL.createObjectURL(new Blob([csv()], { type: 'text/csv' }));
  el('a', { href: url, download: 'runs.csv' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

function buildTable() {
  const section = emptied($('table'));
  const { columns, recent } = DATA.table;
  const sort = (key) => el('th', { scope: 'col', 'aria-sort': state.sorted === key ? (state.falling ? 'descending' : 'ascending') : 'none' },
    el('button', { type: 'button', on: { click: () => {
      state.falling = state.sorted === key ? !state.falling : key !== 'name';
      state.sorted = key;
      buildTable();
      section.querySelector(`button[data-key="${CSS.escape(key)}"]`).focus();
    } }, 'data-key': key }, (key === 'name' ? 'run' : key) + (state.sorted === key ? (state.falling ? ' ▾' : ' ▴') : '')));
  section.append(
    el('div', { className: 'controls' }, el('button', { type: 'button', id: 'csv', on: { click: save } }, 'Save as CSV')),
    el('div', { className: 'wide', tabIndex: 0, role: 'region', 'aria-label': 'Table of runs' }, el('table', { id: 'runs' },
      el('thead', {}, el('tr', {}, sort('name'), columns.map(sort))),
      el('tbody', {}, sortedRows().map((r) => el('tr', {}, el('td', { className: 'text' }, r.name), r.cells.map(cell)))))),
    el('p', { className: 'faint' }, `Returns are means of ${recent} episodes: the last ones, the best in a row, the last before a step. `
      + 'In brackets: 95% intervals, by bootstrap over seeds (of five seeds or more, of their interquartile mean), or over the episodes of a single seed.'));
}
