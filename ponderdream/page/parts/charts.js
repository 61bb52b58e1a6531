// Curves over training.

const AXES = [
  ['step', 'Environment steps'], ['updates', 'Updates'],
  ['core', 'Core time'], ['wall', 'Wall time'],
];
const UNITS = { step: 'steps', updates: 'updates', core: 'core-minutes', wall: 'minutes' };
const WINDOWS = [['0', 'none'], ['0.01', '1%'], ['0.03', '3%'], ['0.1', '10%'], ['0.3', '30%']];
const LOSS = 'train/loss/';

const state = { axis: 'step', window: '0.03', raw: false, hidden: new Set(), chosen: {} };

const visible = () => DATA.groups.map((group, index) => ({ ...group, index }))
  .filter((g) => !state.hidden.has(g.name));

// Each chart: what it shows, or [text, source, key] to choose from.
function quantities() {
  const keys = new Set(DATA.runs.flatMap((r) => Object.keys(r.metrics.means)));
  const sorted = [...keys].sort();
  const metric = (key) => [key, 'metrics', key];
  return {
    return: ['Return', [['return', 'episodes', 'episode/score']]],
    length: ['Length of episodes', [['length', 'episodes', 'episode/length']]],
    score: ['Success score, percent', [['score', 'metrics', 'success/score']]],
    ponder: ['Ponder steps', [
      ['acted', 'episodes', 'episode/ponder_steps'],
      ['expected', 'metrics', 'train/ponder/steps'],
      ['computed', 'metrics', 'train/ponder/depth'],
    ]],
    loss: ['Losses', sorted.filter((k) => k.startsWith(LOSS))
      .map((k) => [k.slice(LOSS.length), 'metrics', k])],
    speed: ['Environment steps per second', [['rate', 'metrics', 'run/steps_per_second']]],
    any: ['Any number', sorted.map(metric)],
  };
}

// Time is in seconds in the data, and in minutes in charts.
const scaled = (values) =>
  state.axis === 'core' || state.axis === 'wall' ? values.map((x) => known(x) ? x / 60 : x) : values;

// The longest stretch of the axis of these curves.
function span(source) {
  let most = 0;
  for (const run of DATA.runs) {
    const x = (run[source].axes[state.axis] || []).filter(known);
    if (x.length) most = Math.max(most, x[x.length - 1]);
  }
  return most;
}

function traces(source, key, width) {
  const found = [];
  for (const { name, runs, index } of visible()) {
    const own = runs.map((i) => DATA.runs[i]);
    const curves = own.map((r) => curve(r, source, key, state.axis, width)).filter(known);
    const line = { color: color(index), dash: dash(index), width: 2 };
    const label = plain(name);
    const common = { type: 'scatter', mode: 'lines', name: label, hoverinfo: 'x+y+name' };
    if (state.raw) {
      for (const r of own) {
        const points = raw(r, source, key, state.axis);
        if (points) found.push({ ...common, mode: 'markers', x: scaled(points.x), y: points.y,
          hoverinfo: 'skip', marker: { color: faded(color(index), 0.35), size: 3 }, meta: 'raw' });
      }
    }
    const joint = curves.length > 1 ? band(curves) : null;
    if (joint) {
      const x = scaled(joint.x);
      found.push({ ...common, x, y: joint.low, line: { width: 0 }, hoverinfo: 'skip', meta: 'low' });
      found.push({ ...common, x, y: joint.high, line: { width: 0 }, fill: 'tonexty',
        fillcolor: faded(color(index), 0.2), hoverinfo: 'skip', meta: 'high' });
      found.push({ ...common, x, y: joint.mean, line, meta: 'mean' });
    } else {
      for (const c of curves) {
        const mode = c.x.length < 3 ? 'lines+markers' : 'lines';
        found.push({ ...common, mode, x: scaled(c.x), y: c.y, line, meta: 'run' });
      }
    }
  }
  return found;
}

function described(title, found) {
  const ends = found.filter((t) => t.meta === 'mean' || t.meta === 'run')
    .map((t) => `${t.name} ends at ${number(t.y[t.y.length - 1])}`);
  return `${title} over ${UNITS[state.axis]}: ${ends.join('; ') || 'only points'}.`;
}

function caption(source, width) {
  const parts = [];
  if (width > 0) {
    const size = state.axis === 'core' || state.axis === 'wall'
      ? duration(width) : `${number(width)} ${UNITS[state.axis]}`;
    parts.push(`Each point is the mean of the last ${size}.`);
  } else {
    const most = Math.max(0, ...DATA.runs.map((r) => Math.max(0, ...r[source].weight)));
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
  const chosen = choices.find(([text]) => text === state.chosen[id]) || choices[0];
  const parts = chartParts[id];
  const [text, source, key] = chosen || ['', 'metrics', ''];
  const width = Number(state.window) * span(source);
  const found = chosen ? traces(source, key, width) : [];
  const name = choices.length > 1 ? `${title}: ${text}` : title;
  const unit = { xaxis: { title: { text: UNITS[state.axis] } }, yaxis: { rangemode: id === 'ponder' || id === 'speed' ? 'tozero' : 'normal' } };
  draw(parts.node, found, unit, described(name, found), missing(id, source));
  parts.caption.textContent = found.length ? caption(source, width) : '';
}

function missing(id, source) {
  if (!visible().length) return 'No run is chosen.';
  if (state.axis !== 'step' && !DATA.runs.some((r) => (r[source].axes[state.axis] || []).some(known))) {
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
  const reason = (axis) => DATA.runs.some((r) => (r.metrics.axes[axis] || []).some(known))
    || axis === 'step' ? false : 'These runs do not tell it.';
  section.append(el('div', { className: 'controls' },
    choice('Over', 'axis', AXES.map(([v, t]) => [v, t, reason(v)]), state.axis,
      (v) => { state.axis = v; drawCurves(); drawHalting(); }),
    select('Smoothing', 'window', WINDOWS, state.window,
      (v) => { state.window = v; drawCurves(); }),
    el('label', {}, el('input', { type: 'checkbox', id: 'raw', checked: state.raw,
      on: { change: (e) => { state.raw = e.target.checked; drawCurves(); } } }), 'Raw points')));
  const grid = el('div', { className: 'grid' });
  for (const [id, [title, choices]] of Object.entries(quantities())) {
    const controls = choices.length > 1 ? [select('', `choose-${id}`,
      choices.map(([t]) => [t, t]), state.chosen[id],
      (v) => { state.chosen[id] = v; drawChart(id); })] : [];
    controls.forEach((x) => x.querySelector('select').setAttribute('aria-label', title));
    chartParts[id] = figure(id, title, controls);
    grid.append(chartParts[id].frame);
  }
  section.append(grid);
}
