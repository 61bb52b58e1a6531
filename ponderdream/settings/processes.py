"""The processes of a run: when, where and by which command it was trained."""

import contextlib
import datetime
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
from importlib import metadata

from embodied.config import Config
from embodied.files import Folder

FILE = 'processes.jsonl'
PACKAGES = ('ponderdream', 'jax', 'jaxlib', 'flax', 'optax', 'numpy')


def record(config: Config, device: str, host: int = 0) -> None:
  """Appends this process to `processes.jsonl` in the logdir, on host 0."""
  if host:
    return
  line = {
    'began': datetime.datetime.now(datetime.UTC).isoformat(' ', 'seconds'),
    'command': shlex.join(['python', *sys.orig_argv[1:]]),
    'commit': commit(),
    'device': device,
    'cores': os.cpu_count(),
    'versions': {'python': platform.python_version(), **versions()},
  }
  with Folder(config.logdir).open(FILE, 'ab') as file:
    file.write(json.dumps(line).encode() + b'\n')


def versions() -> dict[str, str]:
  """Of the packages that are installed."""
  found = {}
  for name in PACKAGES:
    with contextlib.suppress(metadata.PackageNotFoundError):
      found[name] = metadata.version(name)
  return found


def commit() -> str:
  """The commit of the checkout that this file belongs to, with `-dirty` after
  changes; empty outside of a checkout."""
  git = ['git', 'describe', '--always', '--dirty', '--exclude=*']
  here = pathlib.Path(__file__).parent
  try:
    done = subprocess.run(git, cwd=here, text=True, capture_output=True)
  except OSError:  # no git
    return ''
  return done.stdout.strip()
