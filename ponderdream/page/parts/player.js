// The episode player.

Object.assign(state, { episode: '0', at: 0, speed: '8' });

const SPEEDS = [['1', '1 a second'], ['4', '4'], ['8', '8'], ['15', '15'], ['30', '30']];
const player = { timer: null };

function films() {
  return DATA.runs.flatMap((run) => run.players.flatMap((p) => p.episodes.map((episode, i) => ({
    run, player: p, episode,
    title: `${run.name}, step ${number(p.step)}, episode ${i + 1}: return ${number(episode.return)}, `
      + `${episode.steps.length} steps${episode.whole ? '' : ' (cut short)'}`,
  }))));
}

const film = () => films()[Number(state.episode)];
const picture = (p, i) => known(i) ? `data:image/webp;base64,${p.pictures[i]}` : '';

function longest(e) {
  let best = 0;
  e.steps.forEach((x, t) => { if (known(x) && x > (e.steps[best] ?? -1)) best = t; });
  return best;
}

// The next event after a step, from the beginning again after the last one.
function nextEvent(e, at) {
  if (!e.events.length) return null;
  const [time] = e.events.find(([t]) => t > at) || e.events[0];
  return time;
}

function seek(t) {
  const { episode } = film();
  state.at = Math.max(0, Math.min(episode.steps.length - 1, Math.round(t)));
  showMoment();
}

function pause() {
  clearInterval(player.timer);
  player.timer = null;
  player.play.textContent = 'Play';
  player.play.setAttribute('aria-pressed', 'false');
  player.status.setAttribute('aria-live', 'polite');
}

function play() {
  const { episode } = film();
  if (state.at >= episode.steps.length - 1) state.at = 0;
  player.play.textContent = 'Pause';
  player.play.setAttribute('aria-pressed', 'true');
  player.status.setAttribute('aria-live', 'off');
  clearInterval(player.timer);
  player.timer = setInterval(() => {
    seek(state.at + 1);
    if (state.at >= film().episode.steps.length - 1) pause();
  }, 1000 / Number(state.speed));
}

const toggle = () => player.timer ? pause() : play();

function showMoment() {
  const { player: p, episode: e } = film();
  const t = state.at, last = e.steps.length - 1;
  if (player.image) {
    player.image.src = picture(p, e.frames[t]);
    player.image.alt = `What the agent sees at step ${t}`;
  }
  player.slider.value = String(t);
  const here = e.events.filter(([at]) => at === t).map(([, name]) => words(name));
  const parts = [`Step ${t} of ${last}`];
  if (known(e.steps[t])) parts.push(`${number(e.steps[t])} ponder steps`);
  if (known(e.action[t])) parts.push(`action ${e.action[t]}`);
  if (known(e.value[t])) parts.push(`value ${number(e.value[t])}`);
  parts.push(`reward ${number(e.reward[t])}`);
  if (here.length) parts.push(here.join(', '));
  player.status.textContent = parts.join(' · ');
  player.slider.setAttribute('aria-valuetext', player.status.textContent);
  showLevels(p, e, t);
  if (player.line.data) Plotly.relayout(player.line, { 'shapes[0].x0': t, 'shapes[0].x1': t });
}

// What each level would do, and what the model expects of it.
function showLevels(p, e, t) {
  const halts = e.halts[t] || [];
  player.levels.hidden = !halts.length;
  if (!halts.length) return;
  const said = e.said[t] || [], expected = e.expected[t] || [], imagined = e.imagined[t] || [], acts = e.choice[t] || [];
  const columns = [['level', () => null], ['halts', () => null]];
  if (said.length) columns.push(['goal', (n) => p.texts[said[n]] ?? '']);
  if (acts.length) columns.push(['action', (n) => number(acts[n])]);
  if (expected.length) columns.push(['expects', (n) => number(expected[n])]);
  if (imagined.length) columns.push(['imagines', (n) => known(imagined[n])
    ? el('img', { src: picture(p, imagined[n]), alt: `What level ${n + 1} expects to see` }) : '']);
  const body = halts.map((chance, n) => {
    const row = el('tr', { className: n + 1 === Math.round(e.steps[t] ?? 0) ? 'acts' : '' },
      el('td', {}, n + 1 === Math.round(e.steps[t] ?? 0) ? `${n + 1} ◂ acts` : String(n + 1)),
      el('td', { className: 'chance', style: { '--share': `${100 * chance}%` } }, `${number(100 * chance)}%`));
    for (const [name, of] of columns.slice(2)) row.append(el('td', { className: name === 'goal' ? 'text' : '' }, of(n)));
    return row;
  });
  if (expected.length && known(e.came[t])) {
    const row = el('tr', { className: 'came' }, el('td', {}, 'what came'), el('td', {}));
    for (const [name] of columns.slice(2)) {
      row.append(el('td', {}, name === 'expects' ? number(e.came[t]) : name === 'action' ? number(e.action[t])
        : name === 'imagines' && known(e.frames[t + 1])
          ? el('img', { src: picture(p, e.frames[t + 1]), alt: 'What came' }) : ''));
    }
    body.push(row);
  }
  player.levels.replaceChildren(el('table', { 'aria-label': 'The levels of this thought' },
    el('thead', {}, el('tr', {}, columns.map(([name]) => el('th', { scope: 'col', className: name === 'goal' ? 'text' : '' }, name)))),
    el('tbody', {}, body)));
}

function drawTimeline() {
  const { episode: e } = film();
  const t = e.steps.map((_, i) => i);
  const line = (y, axis, name, hex, more = {}) => ({ type: 'scatter', mode: 'lines', x: t, y, name, yaxis: axis, line: { color: hex, width: 1.5 }, hoverinfo: 'x+y+name', ...more });
  const found = [];
  const domains = [];
  const add = (make, title) => {
    const axis = `y${domains.length ? domains.length + 1 : ''}`;
    domains.push([axis, title]);
    found.push(make(axis));
  };
  if (e.steps.some(known)) add((y) => line(e.steps, y, 'ponder steps', color(3), { line: { color: color(3), width: 1.5, shape: 'hvh' }, fill: 'tozeroy', fillcolor: faded(color(3), 0.3) }), 'ponder');
  if (e.value.some(known)) add((y) => line(e.value, y, 'value', color(0)), 'value');
  add((y) => line(e.reward, y, 'reward', color(2), { line: { color: color(2), width: 1.5, shape: 'hvh' } }), 'reward');
  const events = e.events.map(([at]) => at);
  found.push({ type: 'scatter', mode: 'markers', name: 'events', x: events, y: events.map((i) => e.reward[i]), yaxis: domains[domains.length - 1][0],
    text: e.events.map(([, name]) => plain(words(name))), hoverinfo: 'x+text', marker: { color: color(1), size: 9, symbol: 'diamond' } });
  const axes = {};
  domains.forEach(([axis, title], i) => {
    const size = 1 / domains.length;
    const top = 1 - i * size;
    axes[axis.replace('y', 'yaxis')] = { domain: [top - size + 0.06, top], title: { text: title }, gridcolor: css('--line'), zerolinecolor: css('--line'), nticks: 4, automargin: false };
  });
  draw(player.line, found, {
    height: 110 * domains.length + 50, hovermode: 'x', ...axes,
    margin: { l: 56, r: 12, t: 8, b: 44 },
    xaxis: { title: { text: 'step' }, automargin: false, range: [-0.5, t.length - 0.5], anchor: domains[domains.length - 1][0] },
    shapes: [{ type: 'line', xref: 'x', yref: 'paper', x0: state.at, x1: state.at, y0: 0, y1: 1, line: { color: css('--ink'), width: 1 } }],
  }, `Time line of ponder steps, value, reward and ${events.length} events. Use the slider to move.`, '');
  player.line.removeAllListeners('plotly_click');
  player.line.on('plotly_click', (click) => seek(click.points[0].x));
}

const KEYS = {
  ' ': toggle,
  ArrowLeft: () => { pause(); seek(state.at - 1); },
  ArrowRight: () => { pause(); seek(state.at + 1); },
  Home: () => seek(0),
  End: () => seek(Infinity),
  n: () => jump(),
  l: () => seek(longest(film().episode)),
};

function jump() {
  const t = nextEvent(film().episode, state.at);
  if (t !== null) seek(t);
}

function onKey(event) {
  const own = event.target.tagName;
  // A select and a button know what space and arrows mean to them.
  if (event.ctrlKey || event.metaKey || event.altKey || own === 'SELECT' || (own === 'BUTTON' && event.key === ' ')) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function buildPlayer() {
  if (player.timer) pause();
  const section = emptied($('player'));
  const all = films(), videos = DATA.runs.flatMap((r) => r.videos.map((v) => ({ r, v })));
  if (!all.length) {
    section.append(el('p', { className: 'faint' }, 'No episode was recorded. Record some by: python -m ponderdream.evaluate --logdir DIR --page'));
  } else {
    if (!all[Number(state.episode)]) Object.assign(state, { episode: '0', at: 0 });
    buildStage(section, all);
  }
  if (videos.length) {
    section.append(el('h3', {}, 'Videos'), el('div', { className: 'grid' }, videos.map(({ r, v }) => el('figure', {},
      el('figcaption', {}, `${r.name}: ${v.name}`), el('video', { controls: true, loop: true, preload: 'metadata', src: blob(v), 'aria-label': `${r.name}: ${v.name}` })))));
  }
}

const blobs = new Map();

// A video as an address that the browser can seek in.
function blob(video) {
  if (!blobs.has(video.data)) {
    const bytes = Uint8Array.from(atob(video.data), (x) => x.charCodeAt(0));
    blobs.set(video.data, URL.createObjectURL(new Blob([bytes], { type: 'video/mp4' })));
  }
  return blobs.get(video.data);
}

function buildStage(section, all) {
  const { player: p, episode: e } = film();
  const button = (id, text, label, call) => el('button', { type: 'button', id, 'aria-label': label, title: label, on: { click: call } }, text);
  player.image = e.frames.length ? el('img', { id: 'frame' }) : null;
  player.play = el('button', { type: 'button', id: 'play', 'aria-pressed': 'false', on: { click: toggle } }, 'Play');
  player.status = el('p', { id: 'status', role: 'status', 'aria-live': 'polite' });
  player.levels = el('div', { id: 'levels', className: 'wide levels', tabIndex: 0, role: 'region', 'aria-label': 'Levels of the thought' });
  player.line = el('div', { id: 'timeline', className: 'plot' });
  player.slider = el('input', { type: 'range', id: 'slider', min: '0', max: String(e.steps.length - 1), 'aria-label': 'Step of the episode',
    on: { input: (x) => { pause(); seek(Number(x.target.value)); } } });
  const screen = player.image ? el('div', { className: 'screen', style: { '--shape': String(p.shape[1] / p.shape[0]) } }, player.image)
    : el('p', { className: 'faint' }, 'This environment has no pictures.');
  const stage = el('div', { className: 'stage', on: { keydown: onKey } },
    el('div', {}, screen,
      player.slider,
      el('div', { className: 'bars' },
        button('back', '◀', 'One step back', KEYS.ArrowLeft), player.play, button('on', '▶', 'One step on', KEYS.ArrowRight),
        select('Speed', 'speed', SPEEDS, state.speed, (v) => { state.speed = v; if (player.timer) play(); })),
      el('div', { className: 'bars' },
        button('event', 'Next event', 'Jump to the next achievement or reward', jump),
        button('longest', 'Longest thought', 'Jump to the longest thought', KEYS.l)),
      el('p', { className: 'faint' }, el('kbd', {}, 'space'), ' play, ', el('kbd', {}, '←'), el('kbd', {}, '→'), ' step, ',
        el('kbd', {}, 'n'), ' next event, ', el('kbd', {}, 'l'), ' longest thought')),
    el('div', {}, player.status, player.line, player.levels));
  section.append(el('div', { className: 'controls' }, select('Episode', 'episode', all.map((x, i) => [String(i), x.title]), state.episode,
    (v) => { Object.assign(state, { episode: v, at: 0 }); buildPlayer(); })), stage);
  if (e.halts.some((x) => x.length)) {
    section.append(el('p', { className: 'faint' }, 'Each row is a level: the chance that the agent halts there, and what it would do.'
      + (e.expected.some((x) => x.length) ? ' It expects the reward of the next step and the discounted value after it.' : '')));
  }
  if (p.note) section.append(el('p', { className: 'faint' }, p.note));
  if (drawAll.latest) drawTimeline();
  showMoment();
}
