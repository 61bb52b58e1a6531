// Puts the page together.

let DATA = JSON.parse($('data').textContent);

function about(more = '') {
  const parts = [counted(DATA.runs.length, 'run'), DATA.made, more];
  $('about').textContent = parts.filter(Boolean).join(' · ');
}

// A box that shows or hides a group.
function picked(group, i) {
  const { name, runs } = group;
  const change = (e) => {
    if (e.target.checked) state.hidden.delete(name);
    else state.hidden.add(name);
    drawCurves();
    drawReached();
    drawLogged();
  };
  return el('label', {},
    el('input', { type: 'checkbox', id: `show-${i}`, checked: !state.hidden.has(name), on: { change } }),
    el('span', { className: 'swatch', style: { background: color(i) } }),
    runs.length > 1 ? `${name} (${runs.length} seeds)` : name);
}

function buildHead() {
  const names = DATA.groups.map((g) => g.name);
  $('title').textContent = names.length > 3 ? 'PonderDream' : names.join(', ');
  document.title = `PonderDream: ${names.join(', ')}`;
  about();
  $('nav').replaceChildren(...[...document.querySelectorAll('main > section')]
    .filter((s) => !s.hidden && s.querySelector('h2'))
    .map((s) => el('a', { href: `#${s.id}` }, s.querySelector('h2').textContent)));
  $('picker').replaceChildren(...DATA.groups.map(picked));
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

const loaded = () => typeof Plotly !== 'undefined';

// What the page is made of; new numbers alone do not change it.
const made = () => JSON.stringify([DATA.groups, films().map((x) => x.title), sources(), loggedKeys(),
  Object.values(quantities()).map(([, choices]) => choices.length),
  DATA.runs.map((r) => [r.processes.length, r.videos.map((v) => v.name)])]);

function build() {
  buildCurves();
  buildTable();
  buildReached();
  buildThought();
  buildPlayer();
  buildSettings();
  buildHead();
  build.made = made();
  if (loaded()) drawAll();
}

// New data of the same runs: the player goes on with what it plays, and what
// had the focus keeps it.
function update() {
  delete document.documentElement.dataset.drawn;
  const focus = document.activeElement?.id;
  if (made() === build.made) {
    buildTable();
    buildHead();
    tellSeconds();
    drawAll();
  } else {
    build();
  }
  if (focus && $(focus)) $(focus).focus({ preventScroll: true });
}

function begin() {
  document.head.append(el('script', {}, $('plotly').textContent));
  drawAll();
  darkness.addEventListener('change', () => {
    buildHead();
    drawAll();
  });
  if (DATA.live) follow();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

// To load Plotly takes a second: until then the text and the tables are seen.
build();
requestAnimationFrame(() => setTimeout(begin));
