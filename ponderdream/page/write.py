"""Writes a page."""

import pathlib
from collections.abc import Sequence

from embodied import files
from ponderdream.page import data, html
from ponderdream.page.run import Run


def write(runs: Sequence[Run], out: pathlib.Path) -> None:
  """Writes the page whole or not at all, and says where."""
  for each in runs:
    each.read()
  text = html.render(data.page(runs)).encode()
  files.beside(out, make=True).replace(out.name, text)
  print(f'Written to {out} ({len(text) / 1e6:.1f} MB)')
