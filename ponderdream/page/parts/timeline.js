// What the player shows of an episode: the levels of a step, and the time line.

// What each level would do, and what the model expects of it.
function showLevels(p, e, t) {
  const halts = e.halts[t] || [];
  player.levels.hidden = !halts.length;
  if (!halts.length) return;
  const acting = Math.round(e.steps[t] ?? 0);
  const columns = levelColumns(p, e, t);
  const cell = (name, content) => el('td', { className: name === 'goal' ? 'text' : '' }, content);
  const body = halts.map((chance, n) => el('tr', { className: n + 1 === acting ? 'acts' : '' },
    el('td', {}, n + 1 === acting ? `${n + 1} ◂ acts` : String(n + 1)),
    el('td', { className: 'chance', style: { '--share': `${100 * chance}%` } }, `${number(Math.round(1000 * chance) / 10)}%`),
    columns.map(([name, of]) => cell(name, of(n)))));
  if (known(e.came[t]) && columns.some(([name]) => name === 'expects')) {
    body.push(el('tr', { className: 'came' }, el('td', {}, 'what came'), el('td', {}),
      columns.map(([name, , came]) => cell(name, came()))));
  }
  const heads = ['level', 'halts', ...columns.map(([name]) => name)];
  player.levels.replaceChildren(el('table', { 'aria-label': 'The levels of this thought' },
    el('thead', {}, el('tr', {}, heads.map((name) =>
      el('th', { scope: 'col', className: name === 'goal' ? 'text' : '' }, name)))),
    el('tbody', {}, body)));
}

// Columns [name, of a level, of what came] of what is known of a thought.
function levelColumns(p, e, t) {
  const image = (i, alt) => known(i) ? el('img', { src: picture(p, i), alt }) : '';
  const { said, choice: acts, expected, imagined } = e;
  return [
    [said, 'goal', (n) => p.texts[said[t][n]] ?? '', () => ''],
    [acts, 'action', (n) => number(acts[t][n]), () => number(e.action[t])],
    [expected, 'expects', (n) => number(expected[t][n]), () => number(e.came[t])],
    [imagined, 'imagines', (n) => image(imagined[t][n], `What level ${n + 1} expects to see`),
      () => image(e.frames[t + 1], 'What came')],
  ].filter(([rows]) => rows[t] && rows[t].length).map(([, ...column]) => column);
}

// One row of the time line below another: ponder steps, value, and the reward
// with the events.
function drawTimeline() {
  const { episode: e } = film();
  const steps = e.steps.map((_, i) => i);
  const rows = [
    [e.steps, 'ponder', 'ponder steps', 3,
      { line: { shape: 'hvh' }, fill: 'tozeroy', fillcolor: faded(color(3), 0.3) }],
    [e.value, 'value', 'value', 0, {}],
    [e.reward, 'reward', 'reward', 2, { line: { shape: 'hvh' } }],
  ].filter(([y, title]) => title === 'reward' || y.some(known));
  const axis = (i) => `y${i ? i + 1 : ''}`;
  const found = rows.map(([y, , name, i, more], row) => ({
    type: 'scatter', mode: 'lines', x: steps, y, name, yaxis: axis(row), hoverinfo: 'x+y+name',
    ...more, line: { color: color(i), width: 1.5, ...more.line },
  }));
  const events = e.events.map(([at]) => at);
  found.push({
    type: 'scatter', mode: 'markers', name: 'events', x: events, y: events.map((i) => e.reward[i]),
    yaxis: axis(rows.length - 1), text: e.events.map(([, name]) => plain(words(name))),
    hoverinfo: 'x+text', marker: { color: color(1), size: 9, symbol: 'diamond' },
  });
  const axes = Object.fromEntries(rows.map(([, title], row) => [axis(row).replace('y', 'yaxis'), {
    domain: [1 - (row + 1) / rows.length + 0.06, 1 - row / rows.length], title: { text: title },
    gridcolor: css('--line'), zerolinecolor: css('--line'), nticks: 4, automargin: false,
  }]));
  const says = `Time line of ${rows.map(([, , name]) => name).join(', ')} and ${counted(events.length, 'event')}.`;
  draw(player.line, found, {
    height: 110 * rows.length + 50, hovermode: 'x', margin: { l: 56, r: 12, t: 8, b: 44 }, ...axes,
    xaxis: { title: { text: 'step' }, automargin: false, range: [-0.5, steps.length - 0.5],
      anchor: axis(rows.length - 1) },
    shapes: [{ type: 'line', xref: 'x', yref: 'paper', x0: state.at, x1: state.at, y0: 0, y1: 1,
      line: { color: css('--ink'), width: 1 } }],
  }, `${says} Use the slider to move.`, '');
  player.line.removeAllListeners('plotly_click');
  player.line.on('plotly_click', (click) => seek(click.points[0].x));
}
