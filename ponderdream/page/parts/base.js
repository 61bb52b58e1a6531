// Elements of the page. Text of a run is only ever set as text.

const $ = (id) => document.getElementById(id);

// An element with properties, `on` handlers, attributes and children.
function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key === 'on') {
      for (const [type, call] of Object.entries(value)) node.addEventListener(type, call);
    } else if (key === 'style') {
      for (const [name, x] of Object.entries(value)) node.style.setProperty(name, x);
    } else if (key in node) {
      node[key] = value;
    } else {
      node.setAttribute(key, value);
    }
  }
  node.append(...children.flat().filter((x) => x !== null && x !== undefined));
  return node;
}

// Removes all but the heading of a section.
function emptied(section) {
  section.querySelectorAll(':scope > :not(h2)').forEach((x) => x.remove());
  return section;
}

// A select of [value, text] pairs with a label, or with a title that is only
// heard. Keeps its choice if it is there.
function select(label, id, pairs, chosen, change, title = label) {
  const node = el('select', { id, 'aria-label': title, on: { change: () => change(node.value) } });
  for (const [value, text] of pairs) node.append(el('option', { value }, text));
  if (pairs.some(([value]) => value === chosen)) node.value = chosen;
  return el('label', {}, label, node);
}

// Buttons of which one is pressed.
function choice(label, id, pairs, chosen, change) {
  const group = el('div', { className: 'switch', id, role: 'group', 'aria-label': label });
  for (const [value, text, disabled] of pairs) {
    const button = el('button', { type: 'button', 'aria-pressed': String(value === chosen), on: {
      click: () => {
        for (const x of group.children) x.setAttribute('aria-pressed', String(x === button));
        change(value);
      },
    } }, text);
    button.dataset.value = value;
    button.disabled = Boolean(disabled);
    if (disabled) button.title = disabled;
    group.append(button);
  }
  return group;
}

function number(x, digits = 3) {
  if (typeof x === 'string') return x;
  if (x === null || x === undefined || Number.isNaN(x)) return '–';
  if (Math.abs(x) >= 1000 || Number.isInteger(x)) return Math.round(x).toLocaleString('en');
  return String(Number(x.toPrecision(digits)));
}

function duration(seconds) {
  const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const [size, unit] = parts.find(([x]) => seconds >= x) || parts[3];
  return `${number(seconds / size)} ${unit}`;
}

// A number of things: '1 step', '2 steps'.
const counted = (n, what) => `${number(n)} ${what}${n === 1 ? '' : 's'}`;

const faint = (text) => el('p', { className: 'faint' }, text);

const words = (name) => name.replace(/_/g, ' ');
