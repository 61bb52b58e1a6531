// Puts the page together.

let DATA = JSON.parse($('data').textContent);

function about(more = '') {
  $('about').textContent = [`${DATA.runs.length} run${DATA.runs.length === 1 ? '' : 's'}`, DATA.made, more].filter(Boolean).join(' · ');
}

function buildHead() {
  const names = DATA.groups.map((g) => g.name);
  $('title').textContent = names.length > 3 ? 'PonderDream' : names.join(', ');
  document.title = `PonderDream: ${names.join(', ')}`;
  about();
  $('nav').replaceChildren(...[...document.querySelectorAll('main > section')]
    .filter((s) => !s.hidden && s.querySelector('h2'))
    .map((s) => el('a', { href: `#${s.id}` }, s.querySelector('h2').textContent)));
  $('picker').replaceChildren(...DATA.groups.map((g, i) => el('label', {},
    el('input', { type: 'checkbox', checked: !state.hidden.has(g.name), on: { change: (e) => {
      if (e.target.checked) state.hidden.delete(g.name);
      else state.hidden.add(g.name);
      drawCurves();
      drawReached();
      drawLogged();
    } } }),
    el('span', { className: 'swatch', style: { background: color(i) } }),
    g.runs.length > 1 ? `${g.name} (${g.runs.length} seeds)` : g.name)));
  $('picker').hidden = DATA.groups.length < 2;
  const notes = DATA.runs.flatMap((r) => r.notes.map((n) => `${r.name}: ${n}`));
  $('notes').hidden = !notes.length;
  $('notes').replaceChildren(el('ul', {}, notes.map((n) => el('li', {}, n))));
}

// Draws the figures one after another, so that those at the top are seen at
// once and the page answers in between.
function drawAll() {
  const tasks = [...Object.keys(chartParts).map((id) => () => drawChart(id)),
    drawReached, drawLogged, drawHalting, drawDepth, drawSituation,
    () => films().length && drawTimeline()];
  const mine = drawAll.latest = {};
  const next = () => {
    if (drawAll.latest !== mine) return; // newer data are being drawn
    const task = tasks.shift();
    if (task) {
      task();
      setTimeout(next);
    } else {
      document.documentElement.dataset.drawn = String(Math.round(performance.now()));
    }
  };
  tasks.splice(0, 3).forEach((task) => task());
  setTimeout(next);
}

function build() {
  buildCurves();
  buildTable();
  buildReached();
  buildThought();
  buildPlayer();
  buildSettings();
  buildHead();
  drawAll();
}

// New data of the same runs: the player goes on with what it plays.
function update() {
  delete document.documentElement.dataset.drawn;
  const shape = () => JSON.stringify([DATA.groups, films().map((x) => x.title), sources(), loggedKeys(),
    Object.values(quantities()).map(([, c]) => c.length), DATA.runs.map((r) => r.videos.map((v) => v.name))]);
  const now = shape();
  if (now === update.shape) {
    buildTable();
    drawAll();
  } else {
    const focus = document.activeElement && document.activeElement.id;
    build();
    if (focus && $(focus)) $(focus).focus();
  }
  update.shape = now;
}

build();
darkness.addEventListener('change', () => {
  buildHead();
  drawAll();
});
if (DATA.live) follow();
document.documentElement.dataset.ready = String(Math.round(performance.now()));
