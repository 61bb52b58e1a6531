// What the runs were asked to do, and where they did it.

function rows(head, body) {
  const top = head.map((x) => el('th', { scope: 'col', className: 'text' }, x));
  const line = ([name, ...values]) => el('tr', {}, el('th', { scope: 'row', className: 'text' }, name),
    values.map((x) => el('td', { className: 'text' }, x)));
  return el('div', { className: 'wide', tabIndex: 0, role: 'region', 'aria-label': head[0] },
    el('table', {}, el('thead', {}, el('tr', {}, top)), el('tbody', {}, body.map(line))));
}

// A part that is folded, and made when it is opened first.
function fold(name, text, make) {
  const open = state.opened ||= new Set();
  const node = el('details', { open: open.has(name) }, el('summary', { id: name }, text));
  const fill = () => node.children.length > 1 || node.append(make());
  if (node.open) fill();
  node.addEventListener('toggle', () => {
    if (node.open) fill();
    return node.open ? open.add(name) : open.delete(name);
  });
  return node;
}

function differences() {
  if (!DATA.differ.length) return el('p', {}, 'Nothing that is known differs.');
  return rows(['Setting', ...DATA.runs.map((r) => r.name)],
    DATA.differ.map((k) => [k, ...DATA.runs.map((r) => r.settings[k] ?? '–')]));
}

function allSettings(run) {
  const all = Object.entries(run.settings);
  if (!all.length) return el('p', {}, `The settings of ${run.name} are not known.`);
  return fold(`settings-${run.id}`, `All ${all.length} settings of ${run.name}`,
    () => rows(['Setting', 'Value'], all));
}

function seconds(run) {
  const took = [['wall time', 'wall'], ['core time', 'core']].flatMap(([text, axis]) => {
    const last = (run.metrics.axes[axis] || []).filter(known).at(-1);
    return last === undefined ? [] : [`${duration(last)} of ${text}`];
  });
  return `${run.name}: ${took.join(', ') || 'its seconds are not known'}`;
}

// How long it took, and each process that trained it.
function processes(run) {
  const head = seconds(run);
  if (!run.processes.length) return faint(`${head}. Its commands and versions are not known.`);
  const versions = (p) => Object.entries(p.versions || {}).map(([k, v]) => `${k} ${v}`).join(', ');
  return fold(`processes-${run.id}`, head, () => rows(['Process', ''], run.processes.flatMap((p) => [
    ['began', String(p.began)], ['command', String(p.command)], ['commit', String(p.commit || 'not known')],
    ['device', `${p.device}, ${p.cores} cores`], ['versions', versions(p)],
  ])));
}

function tellSeconds() {
  DATA.runs.filter((r) => r.processes.length).forEach((r) => { $(`processes-${r.id}`).textContent = seconds(r); });
}

function buildSettings() {
  const section = emptied($('settings'));
  if (DATA.runs.length > 1) section.append(el('h3', {}, 'What differs'), differences());
  section.append(...DATA.runs.map(allSettings), ...DATA.runs.map(processes));
}
