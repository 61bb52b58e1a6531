// Plotly, in the colours of the page.

// Plotly reads tags in texts, so that signs of HTML become entities.
const plain = (text) =>
  String(text).replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

const DASHES = ['solid', 'dash', 'dot', 'dashdot'];
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const darkness = matchMedia('(prefers-color-scheme: dark)');

// The colour of group i, lighter on a dark page.
function color(i) {
  const hex = DATA.colors[i % DATA.colors.length];
  if (!darkness.matches) return hex;
  const lighter = (at) => Math.round(parseInt(hex.slice(at, at + 2), 16) * 0.7 + 255 * 0.3);
  return '#' + [1, 3, 5].map((at) => lighter(at).toString(16).padStart(2, '0')).join('');
}

const dash = (i) => DASHES[Math.floor(i / DATA.colors.length) % DASHES.length];

function faded(hex, alpha) {
  const part = (i) => parseInt(hex.slice(i, i + 2), 16);
  return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
}

function layout(more = {}) {
  const ink = css('--ink'), line = css('--line');
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickcolor: line, automargin: false };
  const { xaxis, yaxis, ...rest } = more;
  return {
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)',
    font: { color: ink, size: 12, family: 'system-ui, "DejaVu Sans", sans-serif' },
    margin: { l: 58, r: 12, t: 8, b: 44 }, showlegend: false, height: 270,
    hoverlabel: { namelength: 40 }, dragmode: false,
    xaxis: { ...axis, ...xaxis }, yaxis: { ...axis, ...yaxis }, ...rest,
  };
}

const CONFIG = { displayModeBar: false, responsive: true, displaylogo: false, scrollZoom: false };

// Draws a chart into a div, or says why there is none. `says` describes it to
// a screen reader.
function draw(node, traces, more, says, otherwise) {
  if (!loaded()) return; // All charts are drawn once Plotly is there.
  if (!traces.length) {
    if (node.data) Plotly.purge(node);
    node.style.height = '';
    node.className = 'plot empty';
    node.textContent = otherwise;
    node.removeAttribute('role');
    node.removeAttribute('aria-label');
    return;
  }
  if (node.classList.contains('empty')) {
    node.textContent = '';
    node.className = 'plot';
  }
  node.setAttribute('role', 'img');
  node.setAttribute('aria-label', says);
  const whole = layout(more);
  // When the window changes, Plotly takes the height of the element.
  node.style.height = `${whole.height}px`;
  Plotly.react(node, traces, whole, CONFIG);
}

// A figure with a heading, controls and a caption; `node` is for the chart.
function figure(id, title, controls = []) {
  const node = el('div', { id: `chart-${id}`, className: 'plot' });
  const caption = el('figcaption', { id: `caption-${id}` });
  const frame = el('figure', { 'aria-labelledby': `title-${id}` },
    el('div', { className: 'head' }, el('h3', { id: `title-${id}` }, title), ...controls),
    node, caption);
  return { frame, node, caption };
}
