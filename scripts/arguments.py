"""Command-line arguments of scripts."""

import argparse
import math
import pathlib
import sys

from embodied.errors import UsageError
from scripts import results


def parser(doc, out=None):
  """A parser whose help is the docstring of the script.

  Args:
    doc: the docstring.
    out: default of the flag `--out`, the file for the results in
      scripts/results without its ending. With None there is no such flag.
  """
  made = argparse.ArgumentParser(
    description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  if out:
    made.add_argument(
      '--out',
      type=pathlib.Path,
      default=results.RESULTS / out,
      help='file for the results, without its ending',
    )
  return made


def checked(good, wanted):
  """A type for argparse: numbers for which `good` is true. `wanted` describes
  them in the error message."""

  def read(text):
    try:
      value = float(text)
    except ValueError:
      value = math.nan
    if not good(value):
      raise argparse.ArgumentTypeError(f"'{text}' does not fit; give {wanted}")
    return value

  return read


def number(high=math.inf):
  """Numbers above 0 and below `high`."""
  wanted = f'a number above 0 and below {high:g}'
  return checked(lambda x: 0 < x < high, wanted)


def whole(least):
  """Whole numbers from `least` on; 1e5 is accepted."""
  good = lambda x: x >= least and x.is_integer()
  read = checked(good, f'a whole number, {least} or more')
  return lambda text: int(read(text))


count = whole(1)


def check_same(folder, known, wanted):
  """Raises UsageError if the run in a folder, of which the dict `known` tells,
  has other arguments than `wanted`. What it does not tell is the same."""
  for key, value in wanted.items():
    if known.get(key, value) != value:
      raise UsageError(
        f'{folder} holds a run with {key} {known[key]}, not {value}; move it'
        ' away, or name another --logdir.'
      )


def run(main):
  """Runs `main` with the command line. Prints errors that a user can correct
  without a traceback, and exits with 2."""
  try:
    main(sys.argv[1:])
  except (UsageError, NotImplementedError) as error:
    print(f'Error: {error}', file=sys.stderr)
    sys.exit(2)
