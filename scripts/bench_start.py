"""Seconds from the start command to the first finished train step.

python scripts/bench_start.py [--key.sub value ...]

Runs `python -m ponderdream.train --configs crafter pondernet` twice with a
home folder of its own: cold, without compiled programs, and warm, with those
of the first time. Prints one line of JSON per case.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

COMMAND = (
  sys.executable, '-m', 'ponderdream.train', '--configs', 'crafter',
  'pondernet', '--run.log_every', '0.2',
)  # fmt: skip
PATIENCE = 600


def main(flags):
  with tempfile.TemporaryDirectory() as home:
    for case in ('cold', 'warm'):
      seconds = measure(pathlib.Path(home), case, flags)
      print(json.dumps({'case': case, 'seconds': round(seconds, 1)}))


def measure(home, case, flags):
  logdir = home / case
  start = time.monotonic()
  process = subprocess.Popen(
    [*COMMAND, '--logdir', logdir, *flags],
    env={**os.environ, 'HOME': str(home)},
    stdout=subprocess.DEVNULL,
  )
  while not trained(logdir / 'metrics.jsonl'):
    if process.poll() is not None or time.monotonic() > start + PATIENCE:
      sys.exit(f'The {case} start gave no train step; see {logdir}.')
    time.sleep(0.05)
  seconds = time.monotonic() - start
  process.terminate()
  process.wait()
  return seconds


def trained(path):
  return path.exists() and '"train/loss/' in path.read_text()


if __name__ == '__main__':
  main(sys.argv[1:])
