"""Measuring, and writing results: JSON, or a line per case.

Imports nothing of the project, so that another project's Python can run it.
"""

import contextlib
import json
import os
import pathlib
import statistics
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / 'scripts' / 'results'


def command():
  """The command line of this process."""
  module = sys.modules['__main__'].__spec__
  name = f'-m {module.name}' if module else sys.argv[0]
  return ' '.join(['python', name, *sys.argv[1:]])


def named(path, ending):
  """`path` with an ending: paper.96 -> paper.96.json. Makes its folder."""
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  return path.with_name(path.name + ending)


def plain(value):
  """Nested numbers and arrays converted for JSON; floats have four significant
  digits."""
  if isinstance(value, dict):
    return {str(k): plain(v) for k, v in value.items()}
  if isinstance(value, list | tuple):
    return [plain(x) for x in value]
  if hasattr(value, 'tolist'):
    return plain(value.tolist())
  return float(f'{value:.4g}') if isinstance(value, float) else value


def write(path, content):
  """Writes the dict `content` to `path`.json: a line for every key, and for
  every element of a list of dicts."""
  lines = []
  for key, value in plain(content).items():
    text = json.dumps(value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
      rows = ',\n  '.join(map(json.dumps, value))
      text = f'[\n  {rows}\n]'
    lines.append(f'{json.dumps(key)}: {text}')
  named(path, '.json').write_text('{\n' + ',\n'.join(lines) + '\n}\n')


def once(path, about, make):
  """What `make()` returns, made plain, which is kept in the file `path`; it is
  made again only for another `about`, the arguments that it depends on."""
  about = plain(about)
  if path.exists():
    known = json.loads(path.read_text())
    if known.get('about') == about:
      return known['found']
  found = plain(make())
  part = path.with_suffix('.part')
  part.write_text(json.dumps({'about': about, 'found': found}) + '\n')
  part.replace(path)
  return found


def read_lines(path):
  """The dicts in the lines of a file."""
  return [json.loads(x) for x in path.read_text().splitlines()]


class Lines:
  """Writes dicts to `path`.jsonl, which it empties first, and prints them."""

  def __init__(self, path):
    self.path = named(path, '.jsonl')
    self.path.write_text('')

  def add(self, line):
    text = json.dumps(plain(line))
    print(text, flush=True)
    with self.path.open('a') as file:
      file.write(text + '\n')


def table(rows):
  """Prints `{row: {column: value}}`; a value that is missing stays empty."""
  columns = list(dict.fromkeys(k for row in rows.values() for k in row))
  lines = [['', *columns]]
  for name, row in rows.items():
    lines.append([name, *(text(row.get(column)) for column in columns)])
  widths = [max(map(len, cells)) for cells in zip(*lines, strict=True)]
  for line in lines:
    cells = zip(line, widths, strict=True)
    print('  '.join(cell.rjust(width) for cell, width in cells))


def text(value):
  """A cell of a table."""
  if isinstance(value, list):
    return ' '.join(map(text, value))
  if isinstance(value, float):
    return f'{value:.3f}'
  return '' if value is None else str(value)


@contextlib.contextmanager
def clock():
  """Yields a dict, which after the block holds its duration in seconds of
  wall-clock time (`wall`) and of processor time (`cpu`)."""
  took, wall, cpu = {}, time.perf_counter(), time.process_time()
  yield took
  took['cpu'] = time.process_time() - cpu
  took['wall'] = time.perf_counter() - wall


def timed(function, *args):
  """The times of one call, as `clock` gives them."""
  with clock() as took:
    function(*args)
  return took


def turns(functions, rounds, warm=1):
  """Calls each function once per round, so that other work of the machine
  disturbs all of them alike.

  Returns:
    Their results by name, without those of the first `warm` rounds.
  """
  out = {name: [] for name in functions}
  for _ in range(warm + rounds):
    for name, function in functions.items():
      out[name].append(function())
  return {name: values[warm:] for name, values in out.items()}


def spread(times):
  """Median, lowest and highest of each key of several dicts."""
  columns = {k: [x[k] for x in times] for k in times[0]}
  return {k: [median(v), min(v), max(v)] for k, v in columns.items()}


def median(values):
  return float(statistics.median(values))


def ratio(times, others, key):
  """Median ratio of the times `key` to those of others in the same round."""
  pairs = zip(times, others, strict=True)
  return median([a[key] / b[key] for a, b in pairs])


def machine():
  """Number of cores and load of the machine."""
  return {'cores': os.cpu_count(), 'load': os.getloadavg()[0]}


def peak_memory():
  """The peak memory of this process in MiB."""
  for line in pathlib.Path('/proc/self/status').read_text().splitlines():
    if line.startswith('VmHWM:'):
      return int(line.split()[1]) // 1024
  raise RuntimeError('This system has no /proc/self/status with VmHWM.')


def ranks(values):
  """Ranks of `[N]` from 0; equal values share their mean rank."""
  _, place, count = np.unique(values, return_inverse=True, return_counts=True)
  return (np.cumsum(count) - (count + 1) / 2)[place]


def correlation(x, y):
  """Pearson's correlation of `[N]` and `[N]`; 0 if one is constant."""
  x, y = x - np.mean(x), y - np.mean(y)
  size = np.sqrt((x @ x) * (y @ y))
  return float(x @ y / size) if size > 1e-12 else 0.0
