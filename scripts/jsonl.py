"""What a benchmark writes: a JSON line per case, on screen and in a file."""

import argparse
import json
import os
import pathlib
import statistics
import time

RESULTS = pathlib.Path(__file__).parent / 'results'


class Lines:
  """Writes dicts to `results/<name>.jsonl`, which it empties first."""

  def __init__(self, name):
    RESULTS.mkdir(exist_ok=True)
    self.path = RESULTS / f'{name}.jsonl'
    self.path.write_text('')

  def add(self, line):
    text = json.dumps({k: rounded(v) for k, v in line.items()})
    print(text, flush=True)
    with self.path.open('a') as file:
      file.write(text + '\n')


def rounded(value):
  """Floats to four digits."""
  return float(f'{value:.4g}') if isinstance(value, float) else value


def count(text):
  """A whole number of 1 or more, for argparse; 1e5 is one, too."""
  try:
    value = float(text)
  except ValueError:
    value = 0.0
  if not value >= 1 or not value.is_integer():
    raise argparse.ArgumentTypeError(
      f"'{text}' is no count; give a whole number, 1 or more"
    )
  return int(value)


def timed(function, *args):
  """`(CPU seconds of this process, wall seconds)` of one call."""
  cpu, wall = time.process_time(), time.perf_counter()
  function(*args)
  return time.process_time() - cpu, time.perf_counter() - wall


def machine():
  """How busy the machine is, for the reader of the figures."""
  return {'cores': os.cpu_count(), 'load': os.getloadavg()[0]}


def median(values):
  return float(statistics.median(values))
