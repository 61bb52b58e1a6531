// How long the agent thought: over training, and when.

Object.assign(state, { deep: '', situation: 'action' });

const thoughtParts = {};
// Actions before an event, and situations that are shown.
const BEFORE = 10, MOST = 40;

const thinker = () => DATA.runs[Number(state.deep)];

// Each column of the heat map ends where its share was written.
function drawHalting() {
  const parts = thoughtParts.halting;
  const found = thinker().halting;
  const axis = found && found.axes[state.axis].some(known) ? state.axis : 'step';
  const cells = found ? [{
    type: 'heatmap', meta: 'heat', x: [0, ...scaled(found.axes[axis], axis)], y: found.levels, z: found.shares,
    zmin: 0, zmax: Math.max(...found.shares.flat()), colorscale: 'Viridis', name: '', hovertemplate: '%{x}: %{y} steps, %{z:.1%}',
    colorbar: { thickness: 10, tickformat: '.0%', outlinewidth: 0 },
  }] : [];
  const ends = found ? found.levels.map((n, i) => `${n}: ${number(100 * found.shares[i].at(-1))}%`) : [];
  const axes = { xaxis: { title: { text: UNITS[axis] } }, yaxis: { dtick: 1, title: { text: 'ponder steps' } } };
  draw(parts.node, cells, axes,
    `Share of actions by ponder steps, over ${UNITS[axis]}. At the end: ${ends.join(', ')}.`,
    'This run does not tell when it halted.');
  parts.caption.textContent = found ? found.note : '';
}

// Ponder steps of episodes with and without each achievement.
function drawDepth() {
  const parts = thoughtParts.depth;
  const rows = thinker().thought;
  const names = rows.map((x) => x.name);
  const side = (key, label, hex) => ({ label, hex, values:
    Object.fromEntries(rows.filter((x) => x[key]).map((x) => [x.name, x[key]])) });
  const series = [side('with', 'episodes with it', color(0)), side('without', 'without it', color(4))];
  draw(parts.node, names.length ? bars(names, series) : [],
    barred(names, series, 'ponder steps', { showlegend: true }),
    `Ponder steps by achievement. ${told(names, series)}`,
    'This run has reached no achievements, or does not ponder.');
  parts.caption.textContent = names.length ? 'Means over the training episodes, with 95% intervals.' : '';
}

// Where an action belongs to, of the recorded episodes of a run.
const SITUATIONS = {
  action: ['By action', (e, t) => e.action[t] === null ? [] : [`action ${e.action[t]}`]],
  event: [`Before an event (${BEFORE} actions)`, (e, t) => e.events
    .filter(([at]) => at > t && at <= t + BEFORE).map(([, name]) => name)],
  goal: ['By the goal of the first level', (e, t, p) => e.said[t].length ? [p.texts[e.said[t][0]]] : []],
  part: ['By quarter of the episode', (e, t) => [`quarter ${1 + Math.floor(4 * t / e.steps.length)}`]],
  log: ['By what the environment tells', (e, t) => Object.entries(e.log).map(([k, v]) => `${k} ${number(v[t])}`)],
};

// The ponder steps of each situation of a run: mean, ends of its interval, and
// the number of actions.
function bySituation(run, of) {
  const groups = new Map();
  const add = (name, steps) => {
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(steps);
  };
  for (const p of run.players) {
    for (const e of p.episodes) {
      e.steps.forEach((steps, t) => known(steps) && of(e, t, p).forEach((name) => add(name, steps)));
    }
  }
  return [...groups].map(([name, values]) => {
    const count = values.length;
    const mean = values.reduce((a, b) => a + b, 0) / count;
    const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0);
    const half = count > 1 ? 1.96 * Math.sqrt(squares / (count - 1) / count) : 0;
    return { name, count, value: [mean, mean - half, mean + half] };
  });
}

function drawSituation() {
  const parts = thoughtParts.situation;
  const run = thinker();
  const [title, of] = SITUATIONS[state.situation];
  const rows = bySituation(run, of).sort((a, b) => b.count - a.count).slice(0, MOST)
    .sort((a, b) => b.value[0] - a.value[0]);
  const label = (r) => `${r.name} (${r.count})`;
  const names = rows.map(label);
  const series = [{ label: run.name, hex: color(2),
    values: Object.fromEntries(rows.map((r) => [label(r), r.value])) }];
  draw(parts.node, names.length ? bars(names, series) : [], barred(names, series, 'ponder steps'),
    `Ponder steps ${title.toLowerCase()}. ${told(names, series)}`,
    run.players.length ? 'The recorded episodes do not tell it.'
      : 'No episode was recorded: python -m ponderdream.evaluate --logdir DIR --page');
  parts.caption.textContent = names.length ? 'Means over the actions of the recorded episodes (their number in'
    + ' brackets), with 95% intervals that take actions for independent.' : '';
}

function drawThought() {
  drawHalting();
  drawDepth();
  drawSituation();
}

function buildThought() {
  const section = emptied($('thought'));
  const pairs = DATA.runs.map((r, i) => [String(i), r.name]);
  const thinks = DATA.runs.findIndex((r) => r.halting || r.thought.length || r.players.length);
  if (!state.deep || !thinker()) state.deep = String(Math.max(0, thinks));
  section.append(el('div', { className: 'controls' },
    select('Run', 'thinker', pairs, state.deep, (v) => { state.deep = v; drawThought(); })));
  const kinds = Object.entries(SITUATIONS).map(([v, [t]]) => [v, t]);
  const pick = select('', 'situation-kind', kinds, state.situation,
    (v) => { state.situation = v; drawSituation(); }, 'Situations');
  thoughtParts.halting = figure('halting', 'When it halted');
  thoughtParts.depth = figure('depth', 'Depth by achievement');
  thoughtParts.situation = figure('situation', 'Depth by situation', [pick]);
  section.append(el('div', { className: 'grid' }, Object.values(thoughtParts).map((x) => x.frame)));
}
