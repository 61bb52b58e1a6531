"""Where numba stores compiled functions for later processes.

Functions that numba compiles have no annotations and are marked so for mypy:
numba infers types from the arguments, and compiles once for each set of them.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import numba


def cache_folder() -> Path:
  """A folder that can be written: in the home, or else a temporary one.

  By default numba writes beside the source or into the home, and raises an
  error if it can do neither, for instance in containers.
  """
  shared = Path(tempfile.gettempdir()) / f'ponderdream-{os.getuid()}'
  home = Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser()
  for folder in (home / 'ponderdream' / 'numba', shared / 'numba'):
    try:
      folder.mkdir(parents=True, exist_ok=True)
      with tempfile.TemporaryFile(dir=folder):
        return folder
    except OSError:
      continue
  return Path(tempfile.mkdtemp(prefix='numba-'))


def set_cache() -> None:
  """Makes numba use `cache_folder`, unless NUMBA_CACHE_DIR names another."""
  settings: Any = numba.config
  if not settings.CACHE_DIR:
    settings.CACHE_DIR = str(cache_folder())
