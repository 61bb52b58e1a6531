// How long the agent thought: over training, and when.

Object.assign(state, { deep: '', situation: 'action' });

const thoughtParts = {};
const BEFORE = 10; // actions before an event

function drawHalting() {
  const parts = thoughtParts.halting;
  if (!parts) return;
  const run = DATA.runs[Number(state.deep)];
  const found = run && run.halting;
  const axis = found && found.axes[state.axis].some(known) ? state.axis : 'step';
  const unit = axis === 'core' || axis === 'wall' ? 60 : 1;
  const traces_ = found ? [{
    type: 'heatmap', meta: 'heat', x: found.axes[axis].map((x) => x / unit), y: found.levels, z: found.shares,
    zmin: 0, zmax: 1, colorscale: 'Viridis', name: '', hovertemplate: '%{x}: %{y} steps, %{z:.1%}',
    colorbar: { thickness: 10, tickformat: '.0%', outlinewidth: 0 },
  }] : [];
  const ends = found ? found.levels.map((n, i) => `${n}: ${number(100 * found.shares[i][found.shares[i].length - 1])}%`) : [];
  draw(parts.node, traces_, { xaxis: { title: { text: UNITS[axis] } }, yaxis: { dtick: 1, title: { text: 'ponder steps' } } },
    `Share of actions by ponder steps, over ${UNITS[axis]}. At the end: ${ends.join(', ')}.`,
    'This run does not tell when it halted.');
  parts.caption.textContent = found ? found.note : '';
}

// Bars of [{name, values}] for named series of [value, low, high, count].
function drawDepth() {
  const parts = thoughtParts.depth;
  if (!parts) return;
  const run = DATA.runs[Number(state.deep)];
  const names = run.thought.map((x) => x.name);
  const side = (key, label, hex) => ({ label, hex, values:
    Object.fromEntries(run.thought.filter((x) => x[key]).map((x) => [x.name, x[key]])) });
  const series = [side('with', 'episodes with it', color(0)), side('without', 'without it', color(4))]
    .filter((s) => Object.keys(s.values).length);
  draw(parts.node, names.length ? bars(names, series, '.3f') : [],
    barred(names, series, 'ponder steps', { showlegend: true }),
    `Ponder steps of episodes with and without each achievement: ${names.join(', ')}.`,
  'This run has no achievements, or does not ponder.');
  parts.caption.textContent = names.length ? 'Means over the training episodes, with 95% intervals.' : '';
}

// Where an action belongs to, of the recorded episodes of a run.
const SITUATIONS = {
  action: ['By action', (e, t) => e.action[t] === null ? [] : [`action ${e.action[t]}`]],
  event: [`Before an event (${BEFORE} actions)`, (e, t) => e.events
    .filter(([at]) => at > t && at <= t + BEFORE).map(([, name]) => name)],
  goal: ['By the goal of the first level', (e, t, player) => e.said.length && e.said[t].length ? [player.texts[e.said[t][0]]] : []],
  part: ['By quarter of the episode', (e, t) => [`quarter ${1 + Math.floor(4 * t / e.steps.length)}`]],
  log: ['By what the environment tells', (e, t) => Object.entries(e.log).map(([k, v]) => `${k} ${number(v[t])}`)],
};

function bySituation(run, of) {
  const groups = new Map();
  for (const player of run.players) {
    for (const e of player.episodes) {
      e.steps.forEach((steps, t) => {
        if (!known(steps)) return;
        for (const name of of(e, t, player)) {
          if (!groups.has(name)) groups.set(name, []);
          groups.get(name).push(steps);
        }
      });
    }
  }
  const rows = {};
  for (const [name, values] of groups) {
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const spread = values.length > 1
      ? Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1) / values.length) : 0;
    rows[name] = [mean, mean - 1.96 * spread, mean + 1.96 * spread, values.length];
  }
  return rows;
}

function drawSituation() {
  const parts = thoughtParts.situation;
  if (!parts) return;
  const run = DATA.runs[Number(state.deep)];
  const rows = bySituation(run, SITUATIONS[state.situation][1]);
  const names = Object.keys(rows).sort((a, b) => rows[b][0] - rows[a][0]).slice(0, 40);
  const series = [{ label: run.name, hex: color(2), values: rows }];
  draw(parts.node, names.length ? bars(names, series, '.3f') : [],
    barred(names, series, 'ponder steps'),
    `Ponder steps ${SITUATIONS[state.situation][0].toLowerCase()}: ` + names.map((n) => `${n} ${number(rows[n][0])}`).join(', '),
  run.players.length ? 'The recorded episodes do not tell it.'
    : 'No episode was recorded: python -m ponderdream.evaluate --logdir DIR --page');
  parts.caption.textContent = names.length ? 'Means over the actions of the recorded episodes, with 95% intervals that take actions for independent.' : '';
}

function buildThought() {
  const section = emptied($('thought'));
  const pairs = DATA.runs.map((r, i) => [String(i), r.name]);
  const thinks = DATA.runs.findIndex((r) => r.halting || r.thought.length || r.players.length);
  if (!state.deep || !DATA.runs[Number(state.deep)]) state.deep = String(Math.max(0, thinks));
  const redraw = (v) => { state.deep = v; drawThought(); };
  section.append(el('div', { className: 'controls' },
    select('Run', 'thinker', pairs, state.deep, redraw)));
  const kinds = Object.entries(SITUATIONS).map(([v, [t]]) => [v, t]);
  const pick = select('', 'situation-kind', kinds, state.situation, (v) => { state.situation = v; drawSituation(); });
  pick.querySelector('select').setAttribute('aria-label', 'Situations');
  thoughtParts.halting = figure('halting', 'When it halted');
  thoughtParts.depth = figure('depth', 'Depth by achievement');
  thoughtParts.situation = figure('situation', 'Depth by situation', [pick]);
  section.append(el('div', { className: 'grid' }, Object.values(thoughtParts).map((x) => x.frame)));
}

function drawThought() {
  drawHalting();
  drawDepth();
  drawSituation();
}
