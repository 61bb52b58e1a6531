// What the runs were asked to do, and where they did it.

function rows(head, body) {
  return el('div', { className: 'wide', tabIndex: 0, role: 'region', 'aria-label': head[0] },
    el('table', {},
      el('thead', {}, el('tr', {}, head.map((x) => el('th', { scope: 'col', className: 'text' }, x)))),
      el('tbody', {}, body.map((row) => el('tr', {}, row.map((x, i) =>
        el(i ? 'td' : 'th', i ? { className: 'text' } : { scope: 'row', className: 'text' }, x)))))));
}

function buildSettings() {
  const section = emptied($('settings'));
  const open = state.opened ||= new Set();
  // What is folded is made when it is opened.
  const fold = (name, text, make) => {
    const node = el('details', { open: open.has(name) }, el('summary', {}, text));
    const fill = () => node.children.length > 1 || node.append(make());
    if (node.open) fill();
    node.addEventListener('toggle', () => {
      if (node.open) fill();
      return node.open ? open.add(name) : open.delete(name);
    });
    return node;
  };
  const names = DATA.runs.map((r) => r.name);
  if (DATA.runs.length > 1) {
    section.append(el('h3', {}, 'What differs'));
    section.append(DATA.differ.length
      ? rows(['Setting', ...names], DATA.differ.map((k) => [k, ...DATA.runs.map((r) => r.settings[k] ?? '–')]))
      : el('p', {}, 'Nothing that is known differs.'));
  }
  for (const run of DATA.runs) {
    const settings = Object.entries(run.settings);
    section.append(settings.length
      ? fold(`settings ${run.id}`, `All ${settings.length} settings of ${run.name}`, () => rows(['Setting', 'Value'], settings))
      : el('p', {}, `The settings of ${run.name} are not known.`));
  }
  for (const run of DATA.runs) {
    const last = (axis) => {
      const values = (run.metrics.axes[axis] || []).filter(known);
      return values.length ? values[values.length - 1] : null;
    };
    const took = [['wall time', 'wall'], ['core time', 'core']].filter(([, a]) => last(a) !== null)
      .map(([text, a]) => `${duration(last(a))} of ${text}`);
    const head = `${run.name}: ${took.join(', ') || 'its seconds are not known'}`;
    const body = run.processes.flatMap((p) => [
      ['began', String(p.began)], ['command', String(p.command)], ['commit', String(p.commit || 'not known')],
      ['device', `${p.device}, ${p.cores} cores`],
      ['versions', Object.entries(p.versions || {}).map(([k, v]) => `${k} ${v}`).join(', ')],
    ]);
    section.append(body.length ? fold(`processes ${run.id}`, head, () => rows(['Process', ''], body)) : el('p', { className: 'faint' }, `${head}. Its commands and versions are not known.`));
  }
}
