// The episode player: what is played, and its controls.

Object.assign(state, { episode: '0', at: 0, speed: '8' });

const SPEEDS = ['1', '4', '8', '15', '30'];
const player = { timer: null };

function films() {
  return DATA.runs.flatMap((run) => run.players.flatMap((p) => p.episodes.map((episode, i) => ({
    run, player: p, episode,
    title: `${run.name}, step ${number(p.step)}, episode ${i + 1}: return ${number(episode.return)}, `
      + `${episode.steps.length} steps${episode.whole ? '' : ' (cut short)'}`,
  }))));
}

const film = () => films()[Number(state.episode)];
const lastStep = () => film().episode.steps.length - 1;
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
  state.at = Math.max(0, Math.min(lastStep(), Math.round(t)));
  showMoment();
}

function jump() {
  const t = nextEvent(film().episode, state.at);
  if (t !== null) seek(t);
}

function pause() {
  clearInterval(player.timer);
  player.timer = null;
  player.play.textContent = 'Play';
  player.play.setAttribute('aria-pressed', 'false');
  player.status.setAttribute('aria-live', 'polite');
}

function play() {
  if (state.at >= lastStep()) state.at = 0;
  player.play.textContent = 'Pause';
  player.play.setAttribute('aria-pressed', 'true');
  player.status.setAttribute('aria-live', 'off');
  clearInterval(player.timer);
  player.timer = setInterval(() => {
    seek(state.at + 1);
    if (state.at >= lastStep()) pause();
  }, 1000 / Number(state.speed));
}

const toggle = () => player.timer ? pause() : play();

const KEYS = {
  ' ': toggle,
  ArrowLeft: () => { pause(); seek(state.at - 1); },
  ArrowRight: () => { pause(); seek(state.at + 1); },
  Home: () => seek(0),
  End: () => seek(Infinity),
  n: jump,
  l: () => seek(longest(film().episode)),
};

function onKey(event) {
  const own = event.target.tagName;
  // A select and a button know what space and arrows mean to them.
  if (event.ctrlKey || event.metaKey || event.altKey || own === 'SELECT'
    || (own === 'BUTTON' && event.key === ' ')) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

// The picture, the words and the levels of the step, and the mark in the time
// line.
function showMoment() {
  const { player: p, episode: e } = film();
  const t = state.at;
  if (player.image) {
    player.image.src = picture(p, e.frames[t]);
    player.image.alt = `What the agent sees at step ${t}`;
  }
  player.slider.value = String(t);
  player.status.textContent = moment(e, t);
  player.slider.setAttribute('aria-valuetext', player.status.textContent);
  showLevels(p, e, t);
  if (player.line.data) Plotly.relayout(player.line, { 'shapes[0].x0': t, 'shapes[0].x1': t });
}

// A step in words.
function moment(e, t) {
  const parts = [`Step ${t} of ${e.steps.length - 1}`];
  if (known(e.steps[t])) parts.push(counted(e.steps[t], 'ponder step'));
  if (known(e.action[t])) parts.push(`action ${e.action[t]}`);
  if (known(e.value[t])) parts.push(`value ${number(e.value[t])}`);
  parts.push(`reward ${number(e.reward[t])}`);
  const here = e.events.filter(([at]) => at === t).map(([, name]) => words(name));
  return [...parts, ...here].join(' · ');
}

function buildPlayer() {
  if (player.timer) pause();
  const section = emptied($('player'));
  const all = films();
  if (!all.length) {
    section.append(faint('No episode was recorded. Record some by:'
      + ' python -m ponderdream.evaluate --logdir DIR --page'));
  } else {
    if (!all[Number(state.episode)]) Object.assign(state, { episode: '0', at: 0 });
    const pairs = all.map((x, i) => [String(i), x.title]);
    const choose = (v) => { Object.assign(state, { episode: v, at: 0 }); buildPlayer(); $('episode').focus(); };
    section.append(el('div', { className: 'controls' },
      select('Episode', 'episode', pairs, state.episode, choose)));
    buildStage(section);
  }
  buildVideos(section);
}

function buildStage(section) {
  const { player: p, episode: e } = film();
  player.image = e.frames.length ? el('img', { id: 'frame' }) : null;
  player.status = el('p', { id: 'status', role: 'status', 'aria-live': 'polite' });
  player.levels = el('div', { id: 'levels', className: 'wide levels', tabIndex: 0,
    role: 'region', 'aria-label': 'Levels of the thought' });
  player.line = el('div', { id: 'timeline', className: 'plot' });
  section.append(el('div', { className: 'stage', on: { keydown: onKey } },
    el('div', {}, screen(p), controls(e)),
    el('div', {}, player.status, player.line, player.levels)));
  if (e.halts.some((x) => x.length)) {
    const expects = e.expected.some((x) => x.length)
      ? ' Of that action it expects the reward of the next step and the discounted value after it.' : '';
    section.append(faint('Each row is a level: the chance that the agent halts there, and its most probable'
      + ` action. An agent that is not greedy draws its action, which may be another one.${expects}`));
  }
  if (p.note) section.append(faint(p.note));
  if (loaded()) drawTimeline();
  showMoment();
}

function screen(p) {
  if (!player.image) return faint('This environment has no pictures.');
  const style = { '--shape': String(p.shape[1] / p.shape[0]) };
  return el('div', { className: 'screen', style }, player.image);
}

function controls(e) {
  const button = (id, text, title, click) =>
    el('button', { type: 'button', id, 'aria-label': title, title, on: { click } }, text);
  const key = (x) => el('kbd', {}, x);
  player.play = el('button', { type: 'button', id: 'play', 'aria-pressed': 'false',
    on: { click: toggle } }, 'Play');
  player.slider = el('input', { type: 'range', id: 'slider', min: '0', max: String(e.steps.length - 1),
    'aria-label': 'Step of the episode', on: { input: (x) => { pause(); seek(Number(x.target.value)); } } });
  return [player.slider,
    el('div', { className: 'bars' },
      button('back', '◀', 'One step back', KEYS.ArrowLeft), player.play,
      button('on', '▶', 'One step on', KEYS.ArrowRight),
      select('Speed', 'speed', SPEEDS.map((x) => [x, `${x} a second`]), state.speed,
        (v) => { state.speed = v; if (player.timer) play(); })),
    el('div', { className: 'bars' },
      button('event', 'Next event', 'Jump to the next achievement or reward', jump),
      button('longest', 'Longest thought', 'Jump to the longest thought', KEYS.l)),
    el('p', { className: 'faint' }, key('space'), ' play, ', key('←'), key('→'), ' step, ',
      key('n'), ' next event, ', key('l'), ' longest thought')];
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

function buildVideos(section) {
  const videos = DATA.runs.flatMap((run) => run.videos.map((video) => [`${run.name}: ${video.name}`, video]));
  if (!videos.length) {
    section.append(faint('There is no video: python -m ponderdream.evaluate --logdir DIR --video'));
    return;
  }
  const shown = ([title, video]) => {
    const says = el('figcaption', {}, title);
    const error = () => says.replaceChildren(`${title} cannot be played.`);
    return el('figure', {}, says, el('video', { controls: true, loop: true, preload: 'metadata',
      src: blob(video), 'aria-label': title, on: { error } }));
  };
  section.append(el('h3', {}, 'Videos'), el('div', { className: 'grid videos' }, videos.map(shown)));
}
