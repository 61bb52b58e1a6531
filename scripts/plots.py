"""The style of the figures of all experiments."""

import numpy as np

from scripts import results

INK, FAINT = '#333333', '#8c8c8c'
# One colour per method; colour-blind readers can tell them apart.
COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9']
STYLE = {
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


def figure(columns, width=5.0, height=3.9):
  """A figure with a row of axes; returns it and the axes."""
  import matplotlib

  matplotlib.use('Agg')
  from matplotlib import pyplot as plt

  plt.rcParams |= STYLE
  return plt.subplots(1, columns, figsize=(width * columns, height))


def band(axis, x, values, style='-', **kwargs):
  """The mean of several runs `[R, N]` over x `[N]`, and their range."""
  values = np.asarray(values)
  (line,) = axis.plot(x, values.mean(0), style, **kwargs)
  low, high = values.min(0), values.max(0)
  axis.fill_between(x, low, high, color=line.get_color(), alpha=0.15, lw=0)


def save(figure, path):
  """Writes `path`.png."""
  from matplotlib import pyplot as plt

  figure.tight_layout(w_pad=2)
  figure.savefig(results.named(path, '.png'))
  plt.close(figure)
