"""Where numba keeps what it has compiled, from one process to the next.

The functions that numba compiles have no annotations, and say so to mypy: it
takes their types from the arguments, and compiles anew for others.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numba


def cache_folder() -> Path:
  """A folder that can be written: in the home, or else a temporary one.

  By itself numba writes beside the source or into the home, and raises an
  error when it can do neither, in containers for instance.
  """
  own = Path(tempfile.gettempdir()) / f'ponderdream-{os.getuid()}'
  home = Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser()
  for folder in (home / 'ponderdream' / 'numba', own / 'numba'):
    try:
      folder.mkdir(parents=True, exist_ok=True)
      with tempfile.TemporaryFile(dir=folder):
        return folder
    except OSError:
      continue
  return Path(tempfile.mkdtemp(prefix='numba-'))


def keep() -> None:
  """Makes numba use that folder, unless NUMBA_CACHE_DIR names another."""
  settings: Any = numba.config
  if not settings.CACHE_DIR:
    settings.CACHE_DIR = str(cache_folder())
