// The formulas of ponderdream/page/curves.py, on arrays with null for what is
// missing.

const known = (x) => x !== null && x !== undefined;

// Each value becomes the mean of those at (x - width, x].
function smooth(x, y, weight, width) {
  if (width <= 0) return y;
  const found = new Array(x.length).fill(null);
  let first = 0, last = 0, mass = 0, total = 0, count = 0;
  for (let i = 0; i < x.length; i++) {
    while (last < x.length && x[last] <= x[i]) {
      if (known(y[last])) {
        mass += weight[last];
        total += weight[last] * y[last];
        count++;
      }
      last++;
    }
    while (x[first] <= x[i] - width) {
      if (known(y[first])) {
        mass -= weight[first];
        total -= weight[first] * y[first];
        count--;
      }
      first++;
    }
    found[i] = count ? total / mass : null;
  }
  return found;
}

// Values of a curve on a grid, by linear interpolation.
function interpolate(grid, x, y) {
  let j = 0;
  return grid.map((place) => {
    while (j < x.length - 2 && x[j + 1] < place) j++;
    if (x.length === 1 || place <= x[j]) return y[j];
    const k = Math.min(j + 1, x.length - 1);
    if (place >= x[k]) return y[k];
    return y[j] + (y[k] - y[j]) * (place - x[j]) / (x[k] - x[j]);
  });
}

const GRID = 200;

// The curves [{x, y}] of several seeds on one grid: mean, lowest, highest.
function band(curves) {
  const start = Math.max(...curves.map((c) => c.x[0]));
  const end = Math.min(...curves.map((c) => c.x[c.x.length - 1]));
  if (!(end > start)) return null;
  const x = Array.from({ length: GRID }, (_, i) => start + (end - start) * i / (GRID - 1));
  const rows = curves.map((c) => interpolate(x, c.x, c.y));
  const over = (f) => x.map((_, i) => f(rows.map((r) => r[i])));
  return {
    x,
    mean: over((v) => v.reduce((a, b) => a + b, 0) / v.length),
    low: over((v) => Math.min(...v)),
    high: over((v) => Math.max(...v)),
  };
}

// The curve of a run: what is known of it, over an axis, smoothed.
function curve(run, source, key, axis, width) {
  const { axes, means, weight } = run[source];
  const y = means[key], x = axes[axis];
  if (!y || !x) return null;
  const there = [];
  for (let i = 0; i < y.length; i++) if (known(y[i]) && known(x[i])) there.push(i);
  if (!there.length) return null;
  const pick = (values) => there.map((i) => values[i]);
  const xs = pick(x);
  return { x: xs, y: smooth(xs, pick(y), pick(weight), width) };
}

// Single lines of the run's files: every n-th of them.
function raw(run, source, key, axis) {
  const from = run[source].sample || { ...run[source].axes, ...run[source].means };
  const x = from[axis], y = from[key];
  if (!x || !y) return null;
  const there = y.map((_, i) => i).filter((i) => known(y[i]) && known(x[i]));
  return { x: there.map((i) => x[i]), y: there.map((i) => y[i]) };
}
