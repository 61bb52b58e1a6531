"""Makes a page of runs: one HTML file that needs no network.

python -m ponderdream.page RUN [RUN ...]

  RUN            the logdir of a run, or a JSON or video of an evaluation
  --out FILE     the page; by default page.html, in the logdir of a single run
  --names A B    names of the runs; by default the ends of their paths
  --serve PORT   shows the page to this machine alone, and follows the runs
                 while they go on; 0 takes a port that is free

Runs that differ only by their seed become a mean and a band. Episodes to watch
are recorded by `python -m ponderdream.evaluate --logdir DIR --page`.
"""

import itertools
import pathlib
import sys
from collections.abc import Sequence

from embodied import errors
from embodied.config.flags import asks_for_help, split_flags, take
from embodied.errors import UsageError
from ponderdream.page import data, html, server, write
from ponderdream.page.run import Run

FLAGS = ('out', 'names', 'serve')


def main(argv: Sequence[str]) -> int:
  """Runs the command line; returns the exit code."""
  if asks_for_help(argv):
    print(__doc__)
    return 0
  try:
    return run(argv)
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2
  except OSError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 1


def run(argv: Sequence[str]) -> int:
  """Writes or serves the page; returns the exit code."""
  paths = [*itertools.takewhile(lambda x: not x.startswith('--'), argv)]
  flags = split_flags(argv[len(paths) :])
  out, names, port = (take(flags, x) for x in FLAGS)
  for name in flags:
    hint = errors.suggest(name, FLAGS)
    raise UsageError(f'Unknown flag {errors.quoted("--" + name)}. {hint}')
  html.check()
  runs = opened(paths, names)
  if port:
    if out:
      raise UsageError('Give --out or --serve, not both.')
    return server.serve(runs, number(port))
  if len(out) > 1:
    raise UsageError(f'--out names {len(out)} files; give one.')
  write.write(runs, pathlib.Path(out[0]) if out else beside(runs))
  return 0


def opened(paths: Sequence[str], names: Sequence[str] = ()) -> list[Run]:
  """The runs in these folders or files. Raises UsageError."""
  if not paths:
    raise UsageError('Name a run: python -m ponderdream.page LOGDIR')
  if names and len(names) != len(paths):
    raise UsageError(
      f'--names takes a name for each run: {len(paths)}, not {len(names)}.'
    )
  places = [pathlib.Path(x).expanduser() for x in paths]
  pairs = zip(places, names or data.names_of(places), strict=True)
  return [Run(*x) for x in pairs]


def beside(runs: Sequence[Run]) -> pathlib.Path:
  """Where the page is written if nothing is said."""
  alone = len(runs) == 1 and runs[0].path.is_dir()
  return (runs[0].path if alone else pathlib.Path()) / 'page.html'


def number(port: Sequence[str]) -> int:
  """The port of the command line. Raises UsageError if it is none."""
  if len(port) == 1 and port[0].isdecimal() and int(port[0]) < 2**16:
    return int(port[0])
  given = errors.quoted(' '.join(port))
  raise UsageError(f'--serve takes a port from 0 to 65535, not {given}.')


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
