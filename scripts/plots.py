"""The figures of all experiments: their curves are those of pages, by the
functions and in the colours of `ponderdream.page.curves`."""

from ponderdream.page import curves
from ponderdream.page.curves import COLORS as COLORS
from ponderdream.page.curves import FAINT, INK
from scripts import results

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
  mean, low, high = curves.band(values)
  (line,) = axis.plot(x, mean, style, **kwargs)
  axis.fill_between(x, low, high, color=line.get_color(), alpha=0.15, lw=0)


def save(figure, path):
  """Writes `path`.png."""
  from matplotlib import pyplot as plt

  figure.tight_layout(w_pad=2)
  figure.savefig(results.named(path, '.png'))
  plt.close(figure)
