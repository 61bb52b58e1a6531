"""What an experiment leaves behind: its figures as JSON, and a picture."""

import argparse
import json
import math
import pathlib
import sys

import numpy as np

INK, FAINT = '#333333', '#8c8c8c'
# One colour per method, told apart by colour-blind readers too.
COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7']


def number(high):
  """A type for argparse: numbers above 0 and below `high`."""

  def read(text):
    try:
      value = float(text)
    except ValueError:
      value = math.nan
    if not 0 < value < high:
      raise argparse.ArgumentTypeError(
        f"'{text}' is out of range; give a number above 0 and below {high:g}"
      )
    return value

  return read


def command():
  """The command that is running, as one types it."""
  script = pathlib.Path(sys.argv[0]).name
  return ' '.join(['python', f'scripts/{script}', *sys.argv[1:]])


def named(path, ending):
  """`path` with an ending, whatever dots it has: paper.96 -> paper.96.json."""
  return path.with_name(path.name + ending)


def save(path, runs, **facts):
  """Writes `path`.json: the command, the facts, and a line for every run."""
  facts = {'command': command(), **facts}
  lines = [f'"{k}": {json.dumps(v)}' for k, v in facts.items()]
  rows = ',\n  '.join(json.dumps(run) for run in runs)
  lines.append(f'"runs": [\n  {rows}\n]')
  path = named(path, '.json')
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_text('{\n' + ',\n'.join(lines) + '\n}\n')


def rounded(values):
  """Plain numbers for JSON, to four digits after the point."""
  return np.round(np.float64(values), 4).tolist()


def spearman(values):
  """Rank correlation of values with their positions; 0 if all are equal."""
  values = np.asarray(values)
  below = (values[:, None] > values).sum(1)
  ranks = below + ((values[:, None] == values).sum(1) - 1) / 2
  if np.ptp(ranks) == 0:
    return 0.0
  return np.corrcoef(ranks, np.arange(len(values)))[0, 1]


def figure(columns, width=5.0, height=3.9):
  """A figure with a row of plain axes; returns it and the axes."""
  import matplotlib

  matplotlib.use('Agg')
  from matplotlib import pyplot as plt

  plt.rcParams |= {
    'font.size': 10,
    'axes.titlesize': 11,
    'axes.titleweight': 'bold',
    'axes.titlelocation': 'left',
    'axes.titlepad': 10,
    'axes.edgecolor': FAINT,
    'axes.labelcolor': INK,
    'text.color': INK,
    'xtick.color': INK,
    'ytick.color': INK,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'grid.color': '#e6e6e6',
    'grid.linewidth': 0.8,
    'axes.axisbelow': True,
    'legend.frameon': False,
    'lines.linewidth': 2.0,
    'savefig.dpi': 140,
  }
  return plt.subplots(1, columns, figsize=(width * columns, height))
