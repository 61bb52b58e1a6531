// Success rates, and the values that an environment tells of itself.

Object.assign(state, { rates: '', order: 'rate', log: '', measure: 'episodes' });

// The rates of a group by name: of one run with its interval, of several seeds
// their mean, lowest and highest.
function ratesOf(group, what) {
  const found = {};
  const own = group.runs.map((i) => DATA.runs[i].reached.filter((x) => x.of === what).pop())
    .filter(known);
  for (const { rates } of own) {
    for (const [name, value] of Object.entries(rates)) (found[name] ||= []).push(value);
  }
  for (const [name, each] of Object.entries(found)) {
    if (each.length === 1) { [found[name]] = each; continue; }
    const values = each.map((x) => x[0]);
    found[name] = [values.reduce((a, b) => a + b, 0) / values.length,
      Math.min(...values), Math.max(...values)];
  }
  return found;
}

// Bars with whiskers, for rows [{name, values: {label: [value, low, high]}}].
function bars(names, series, unit) {
  return series.map(({ label, hex, values }) => {
    const rows = names.map((n) => values[n] || [null, null, null]);
    return {
      type: 'bar', orientation: 'h', name: plain(label), meta: 'bar',
      y: names.map((n) => plain(words(n))), x: rows.map((r) => r[0]),
      error_x: { type: 'data', symmetric: false, color: css('--faint'), thickness: 1, width: 2,
        array: rows.map((r) => known(r[2]) ? r[2] - r[0] : 0),
        arrayminus: rows.map((r) => known(r[1]) ? r[0] - r[1] : 0) },
      marker: { color: hex }, hoverinfo: 'x+y+name', xhoverformat: unit,
    };
  });
}

// The layout of such bars: room for their names, which Plotly shortens.
function barred(names, series, title, more = {}) {
  const longest = Math.max(0, ...names.map((n) => words(n).length));
  return {
    height: tall(names.length, series.length), barmode: 'group', bargap: 0.25,
    margin: { l: Math.min(170, 14 + 7 * longest), r: 12, t: series.length > 1 && more.showlegend ? 34 : 8, b: 44 },
    xaxis: { title: { text: title }, automargin: false, rangemode: 'tozero', ...more.xaxis },
    yaxis: { autorange: 'reversed', dtick: 1, automargin: false, ticklabeloverflow: 'hide past div' },
    showlegend: Boolean(more.showlegend), legend: { orientation: 'h', y: 1, yanchor: 'bottom' },
  };
}

const tall = (rows, series) => Math.max(180, 70 + rows * Math.max(19, 11 * series + 4));

function sources() {
  return [...new Set(DATA.runs.flatMap((r) => r.reached.map((x) => x.of)))];
}

function drawReached() {
  const parts = reachedParts.rates;
  if (!parts) return;
  const series = visible().map((g) => ({ label: g.name, hex: color(g.index), values: ratesOf(g, state.rates) }))
    .filter((s) => Object.keys(s.values).length);
  const names = [...new Set(series.flatMap((s) => Object.keys(s.values)))];
  if (state.order === 'rate') {
    const best = (n) => Math.max(...series.map((s) => s.values[n] ? s.values[n][0] : 0));
    names.sort((a, b) => best(b) - best(a));
  }
  const more = barred(names, series, 'percent of episodes', { xaxis: { range: [0, 100] } });
  const says = series.map((s) => `${s.label}: ` + names.map((n) =>
    `${words(n)} ${number((s.values[n] || [])[0])}%`).join(', ')).join('. ');
  draw(parts.node, bars(names, series, '.1f'), more, `Success rates. ${says}`,
    'These runs have no achievements.');
  const many = visible().some((g) => g.runs.length > 1);
  const notes = DATA.runs.flatMap((r) => r.reached.filter((x) => x.of === state.rates && x.note).map((x) => `${r.name}: ${x.note}`));
  parts.caption.textContent = !series.length ? '' : (many
    ? 'Whiskers: lowest to highest seed, or a 95% interval of one run. '
    : 'Whiskers: 95% intervals (Wilson). ') + notes.join('; ');
}

function loggedKeys() {
  return [...new Set(DATA.runs.flatMap((r) => r.logged.map((x) => x.key)))];
}

// Episodes, returns or ponder steps by the value of a key, such as the rows of
// a ladder or the length of a streak.
function drawLogged() {
  const parts = reachedParts.logged;
  if (!parts) return;
  const found = visible().flatMap((g) => g.runs.map((i) => ({ g, run: DATA.runs[i] })))
    .map(({ g, run }) => ({ g, run, log: run.logged.find((x) => x.key === state.log) }))
    .filter((x) => x.log).map(({ g, run, log }) => {
      const rows = log.rows.filter((r) => state.measure === 'episodes' || r[state.measure]);
      const at = (r, i) => state.measure === 'episodes' ? (i ? 0 : r.episodes) : r[state.measure][i];
      return {
        type: 'bar', name: plain(run.name), meta: 'bar',
        x: rows.map((r) => plain(r.value)), y: rows.map((r) => at(r, 0)),
        error_y: state.measure === 'episodes' ? {} : { type: 'data', symmetric: false,
          color: css('--faint'), thickness: 1, width: 2,
          array: rows.map((r) => at(r, 2) - at(r, 0)), arrayminus: rows.map((r) => at(r, 0) - at(r, 1)) },
        marker: { color: color(g.index) }, hoverinfo: 'x+y+name',
      };
    }).filter((t) => t.x.length);
  const more = { margin: { l: 58, r: 12, t: 8, b: 70 }, xaxis: { type: 'category', title: { text: plain(words(state.log)) } }, barmode: 'group',
    yaxis: { title: { text: MEASURES.find(([v]) => v === state.measure)[1].toLowerCase() } } };
  const says = found.map((t) => `${t.name}: ` + t.x.map((x, i) => `${x}: ${number(t.y[i])}`).join(', ')).join('. ');
  draw(parts.node, found, more, `By ${state.log}. ${says}`, 'These runs do not tell it.');
  parts.caption.textContent = found.length && state.measure !== 'episodes' ? 'Whiskers: 95% intervals of the mean.' : '';
}

const MEASURES = [['episodes', 'Episodes'], ['return', 'Return'], ['steps', 'Ponder steps']];
const reachedParts = {};

function buildReached() {
  const section = emptied($('reached'));
  const known_ = sources(), keys = loggedKeys();
  delete reachedParts.rates;
  delete reachedParts.logged;
  section.hidden = !known_.length && !keys.length;
  if (known_.length) {
    if (!known_.includes(state.rates)) [state.rates] = known_;
    section.append(el('div', { className: 'controls' },
      select('Of', 'rates', known_.map((x) => [x, x]), state.rates, (v) => { state.rates = v; drawReached(); }),
      choice('Order', 'order', [['rate', 'By rate'], ['tree', 'By the tech tree']], state.order,
        (v) => { state.order = v; drawReached(); })));
    reachedParts.rates = figure('rates', 'Success rates');
    section.append(reachedParts.rates.frame);
  }
  if (keys.length) {
    if (!keys.includes(state.log)) [state.log] = keys;
    section.append(el('div', { className: 'controls' },
      select('By', 'log', keys.map((x) => [x, words(x)]), state.log, (v) => { state.log = v; drawLogged(); }),
      choice('Measure', 'measure', MEASURES, state.measure, (v) => { state.measure = v; drawLogged(); })));
    reachedParts.logged = figure('logged', 'By what the environment tells');
    section.append(reachedParts.logged.frame);
  }
}
