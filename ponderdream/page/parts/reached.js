// Success rates, and the values that an environment tells of itself.

Object.assign(state, { rates: '', order: 'rate', log: '', measure: 'share' });

const MEASURES = { share: 'percent of episodes', return: 'return', steps: 'ponder steps' };
const reachedParts = {};

// Values by name of a group, from those {name: [value, low, high]} of its runs:
// of one run with its interval, of several seeds their mean, lowest and highest.
function joined(group, of) {
  const found = {};
  for (const i of group.runs) {
    for (const [name, value] of Object.entries(of(DATA.runs[i]))) (found[name] ||= []).push(value);
  }
  for (const [name, each] of Object.entries(found)) {
    const values = each.map((x) => x[0]);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    found[name] = each.length === 1 ? each[0] : [mean, Math.min(...values), Math.max(...values)];
  }
  return found;
}

// Series {label, hex, values} of the groups that have values.
const seriesOf = (of) => visible()
  .map((g) => ({ label: g.name, hex: color(g.index), values: joined(g, of) }))
  .filter((s) => Object.keys(s.values).length);

const namesOf = (series) => [...new Set(series.flatMap((s) => Object.keys(s.values)))];

// Bars with whiskers, of names and series. `flat` are from left to right.
function bars(names, series, flat = true) {
  const [along, across, whisker] = flat ? ['x', 'y', 'error_x'] : ['y', 'x', 'error_y'];
  return series.map(({ label, hex, values }) => {
    const rows = names.map((n) => values[n] || [null, null, null]);
    const end = (r, i) => known(r[i]) ? Math.abs(r[i] - r[0]) : 0;
    return {
      type: 'bar', orientation: flat ? 'h' : 'v', name: plain(label), meta: 'bar',
      [across]: names.map((n) => plain(words(n))), [along]: rows.map((r) => r[0]),
      [whisker]: { type: 'data', symmetric: false, color: css('--ink'), thickness: 1, width: 2,
        array: rows.map((r) => end(r, 2)), arrayminus: rows.map((r) => end(r, 1)) },
      marker: { color: hex }, hoverinfo: 'x+y+name',
    };
  });
}

// The layout of flat bars: room for their names, which Plotly shortens.
function barred(names, series, title, more = {}) {
  const longest = Math.max(0, ...names.map((n) => words(n).length));
  const top = series.length > 1 && more.showlegend ? 34 : 8;
  return {
    height: Math.max(180, 70 + names.length * Math.max(19, 11 * series.length + 4)),
    barmode: 'group', bargap: 0.25,
    margin: { l: Math.min(170, 14 + 7 * longest), r: 12, t: top, b: 44 },
    xaxis: { title: { text: title }, automargin: false, rangemode: 'tozero', ...more.xaxis },
    yaxis: { autorange: 'reversed', dtick: 1, automargin: false, ticklabeloverflow: 'hide past div' },
    showlegend: Boolean(more.showlegend), legend: { orientation: 'h', y: 1, yanchor: 'bottom' },
  };
}

// All values, for a screen reader.
const told = (names, series, unit = '') => series.map((s) => `${s.label}: ` + names
  .map((n) => `${words(n)} ${number((s.values[n] || [])[0])}${unit}`).join(', ')).join('. ');

const whiskers = (alone) => visible().some((g) => g.runs.length > 1)
  ? 'Whiskers: lowest to highest seed, or a 95% interval of one run.' : `Whiskers: ${alone}.`;

const sources = () => [...new Set(DATA.runs.flatMap((r) => r.reached.map((x) => x.of)))];

function drawReached() {
  const parts = reachedParts.rates;
  if (!parts) return;
  const chosen = (run) => run.reached.filter((x) => x.of === state.rates);
  const series = seriesOf((run) => (chosen(run).pop() || { rates: {} }).rates);
  const names = namesOf(series);
  if (state.order === 'rate') {
    const best = (n) => Math.max(...series.map((s) => s.values[n] ? s.values[n][0] : 0));
    names.sort((a, b) => best(b) - best(a));
  }
  const more = barred(names, series, 'percent of episodes', { xaxis: { range: [0, 100] } });
  draw(parts.node, bars(names, series), more, `Success rates. ${told(names, series, '%')}`,
    'These runs have no achievements.');
  const notes = DATA.runs.flatMap((r) => chosen(r).filter((x) => x.note).map((x) => `${r.name}: ${x.note}`));
  parts.caption.textContent = series.length
    ? `${whiskers('95% intervals (Wilson)')} ${notes.join('; ')}` : '';
}

const loggedKeys = () => [...new Set(DATA.runs.flatMap((r) => r.logged.map((x) => x.key)))];

// Episodes, returns or ponder steps by the value of a key, such as the rows of
// a ladder or the length of a streak.
function drawLogged() {
  const parts = reachedParts.logged;
  if (!parts) return;
  const rows = (run) => (run.logged.find((x) => x.key === state.log) || { rows: [] }).rows;
  const series = seriesOf((run) => Object.fromEntries(rows(run)
    .filter((r) => r[state.measure]).map((r) => [r.value, r[state.measure]])));
  const names = namesOf(series).sort((a, b) => parseFloat(a) - parseFloat(b));
  const title = MEASURES[state.measure];
  const more = {
    margin: { l: 58, r: 12, t: 8, b: 70 }, barmode: 'group', yaxis: { title: { text: title } },
    xaxis: { type: 'category', title: { text: plain(words(state.log)) } },
  };
  draw(parts.node, bars(names, series, false), more,
    `${title} by ${words(state.log)}. ${told(names, series)}`, 'These runs do not tell it.');
  parts.caption.textContent = !series.length ? '' : whiskers(
    state.measure === 'share' ? '95% intervals (Wilson)' : '95% intervals of the mean');
}

function buildReached() {
  const section = emptied($('reached'));
  const all = sources(), keys = loggedKeys();
  delete reachedParts.rates;
  delete reachedParts.logged;
  section.hidden = !all.length && !keys.length;
  const add = (id, title, ...controls) => {
    reachedParts[id] = figure(id, title);
    section.append(el('div', { className: 'controls' }, controls), reachedParts[id].frame);
  };
  if (all.length) {
    if (!all.includes(state.rates)) [state.rates] = all;
    add('rates', 'Success rates',
      select('Of', 'rates', all.map((x) => [x, x]), state.rates,
        (v) => { state.rates = v; drawReached(); }),
      choice('Order', 'order', [['rate', 'By rate'], ['tree', 'By the tech tree']], state.order,
        (v) => { state.order = v; drawReached(); }));
  }
  if (keys.length) {
    if (!keys.includes(state.log)) [state.log] = keys;
    const measures = [['share', 'Episodes'], ['return', 'Return'], ['steps', 'Ponder steps']];
    add('logged', 'By what the environment tells',
      select('By', 'log', keys.map((x) => [x, words(x)]), state.log,
        (v) => { state.log = v; drawLogged(); }),
      choice('Measure', 'measure', measures, state.measure,
        (v) => { state.measure = v; drawLogged(); }));
  }
}
