// Curves over training.

const AXES = [
  ['step', 'Environment steps'], ['updates', 'Updates'],
  ['core', 'Core time'], ['wall', 'Wall time'],
];
const UNITS = { step: 'steps', updates: 'updates', core: 'core-minutes', wall: 'minutes' };
const WINDOWS = [['0', 'none'], ['0.01', '1%'], ['0.03', '3%'], ['0.1', '10%'], ['0.3', '30%']];
const LOSS = 'train/loss/';
// Charts whose vertical axis begins at zero.
const FROM_ZERO = ['ponder', 'speed'];

const state = { axis: 'step', window: '0.03', raw: false, hidden: new Set(), chosen: {} };

const visible = () => DATA.groups.map((group, index) => ({ ...group, index }))
  .filter((g) => !state.hidden.has(g.name));

// Each chart: its title, and what it shows, as [text, source, key] to choose from.
function quantities() {
  const keys = [...new Set(DATA.runs.flatMap((r) => Object.keys(r.metrics.means)))].sort();
  return {
    return: ['Return', [['return', 'episodes', 'episode/score']]],
    length: ['Length of episodes', [['length', 'episodes', 'episode/length']]],
    score: ['Success score, percent', [['score', 'metrics', 'success/score']]],
    ponder: ['Ponder steps', [
      ['acted', 'episodes', 'episode/ponder_steps'],
      ['expected', 'metrics', 'train/ponder/steps'],
      ['computed', 'metrics', 'train/ponder/depth'],
    ]],
    loss: ['Losses', keys.filter((k) => k.startsWith(LOSS)).map((k) => [k.slice(LOSS.length), 'metrics', k])],
    speed: ['Environment steps per second', [['rate', 'metrics', 'run/steps_per_second']]],
    any: ['Any number', keys.map((k) => [k, 'metrics', k])],
  };
}

// Time is in seconds in the data, and in minutes in charts.
const timed = (axis) => axis === 'core' || axis === 'wall';
const scaled = (values, axis) => timed(axis) ? values.map((x) => known(x) ? x / 60 : x) : values;
const reaches = (source) => DATA.runs.map((r) => (r[source].axes[state.axis] || []).filter(known));

function traces(source, key, width) {
  return visible().flatMap((group) => {
    const own = group.runs.map((i) => DATA.runs[i]);
    const all = own.map((r) => curve(r, source, key, state.axis, width)).filter(known);
    const points = state.raw ? own.map((r) => raw(r, source, key, state.axis)).filter(known) : [];
    const joint = all.length > 1 ? band(all) : null;
    const lines = joint ? banded(joint, group) : all.map((c) => single(c, group));
    return [...points.map((p) => dots(p, group)), ...lines];
  });
}

const trace = (x, y, { name }, more) => ({
  type: 'scatter', mode: 'lines', name: plain(name), x: scaled(x, state.axis), y, hoverinfo: 'x+y+name', ...more,
});
const stroke = ({ index }) => ({ color: color(index), dash: dash(index), width: 2 });

const dots = ({ x, y }, group) => trace(x, y, group, { mode: 'markers', hoverinfo: 'skip', meta: 'raw',
  marker: { color: faded(color(group.index), 0.35), size: 3 } });

const single = ({ x, y }, group) => trace(x, y, group,
  { mode: x.length < 3 ? 'lines+markers' : 'lines', line: stroke(group), meta: 'run' });

// The mean of seeds, between the lowest and the highest.
function banded({ x, mean, low, high }, group) {
  const edge = { line: { width: 0 }, hoverinfo: 'skip' };
  return [
    trace(x, low, group, { ...edge, meta: 'low' }),
    trace(x, high, group, { ...edge, meta: 'high', fill: 'tonexty', fillcolor: faded(color(group.index), 0.2) }),
    trace(x, mean, group, { line: stroke(group), meta: 'mean' }),
  ];
}

function described(title, found) {
  const ends = found.filter((t) => t.meta === 'mean' || t.meta === 'run')
    .map((t) => `${t.name} ends at ${number(t.y.at(-1))}`);
  return `${title} over ${UNITS[state.axis]}: ${ends.join('; ') || 'only points'}.`;
}

function caption(source, width) {
  const parts = [];
  if (width > 0) {
    const size = timed(state.axis) ? duration(width) : `${number(width)} ${UNITS[state.axis]}`;
    parts.push(`Each point is the mean of the last ${size}.`);
  } else {
    const most = Math.max(0, ...DATA.runs.flatMap((r) => r[source].weight));
    parts.push(most > 1 ? `Each point is the mean of up to ${most} lines.` : 'Each line is a point.');
  }
  if (visible().some((g) => g.runs.length > 1)) parts.push('Bands: lowest to highest seed.');
  if (state.raw) {
    const every = Math.max(1, ...DATA.runs.map((r) => r[source].sample ? r[source].every : 1));
    const whole = DATA.runs.every((r) => r[source].sample || r[source].every <= 1);
    parts.push(every > 1 ? `Points: every ${every}th line.` : whole ? 'Points: every line.'
      : 'Points: means of neighbouring lines.');
  }
  return parts.join(' ');
}

function drawChart(id) {
  const [title, choices] = quantities()[id];
  const { node, caption: below } = chartParts[id];
  const [text, source, key] = choices.find(([x]) => x === state.chosen[id]) || choices[0] || ['', 'metrics', ''];
  const width = Number(state.window) * Math.max(0, ...reaches(source).map((x) => x.at(-1) ?? 0));
  const found = key ? traces(source, key, width) : [];
  const axes = {
    xaxis: { title: { text: UNITS[state.axis] } },
    yaxis: { rangemode: FROM_ZERO.includes(id) ? 'tozero' : 'normal' },
  };
  const name = choices.length > 1 ? `${title}: ${text}` : title;
  draw(node, found, axes, described(name, found), missing(id, source));
  below.textContent = found.length ? caption(source, width) : '';
}

function missing(id, source) {
  if (!visible().length) return 'No run is chosen.';
  if (state.axis !== 'step' && !reaches(source).some((x) => x.length)) {
    return `These runs do not say their ${UNITS[state.axis]}.`;
  }
  if (id === 'ponder') return 'These agents do not ponder, or have not acted yet.';
  if (id === 'speed') return 'These runs do not say how long they took.';
  return 'These runs have no such number.';
}

const chartParts = {};
const drawCurves = () => Object.keys(chartParts).forEach(drawChart);

function buildCurves() {
  const section = emptied($('curves'));
  const tells = (axis) => axis === 'step' || DATA.runs.some((r) => (r.metrics.axes[axis] || []).some(known));
  const pairs = AXES.map(([v, t]) => [v, t, tells(v) ? '' : 'These runs do not tell it.']);
  const points = el('input', { type: 'checkbox', id: 'raw', checked: state.raw,
    on: { change: () => { state.raw = points.checked; drawCurves(); } } });
  section.append(el('div', { className: 'controls' },
    choice('Over', 'axis', pairs, state.axis, (v) => { state.axis = v; drawCurves(); drawHalting(); }),
    select('Smoothing', 'window', WINDOWS, state.window, (v) => { state.window = v; drawCurves(); }),
    el('label', {}, points, 'Raw points')));
  const grid = el('div', { className: 'grid' });
  for (const [id, [title, choices]] of Object.entries(quantities())) {
    const change = (v) => { state.chosen[id] = v; drawChart(id); };
    const picks = choices.length > 1
      ? [select('', `choose-${id}`, choices.map(([t]) => [t, t]), state.chosen[id], change, title)] : [];
    chartParts[id] = figure(id, title, picks);
    grid.append(chartParts[id].frame);
  }
  section.append(grid);
}
