"""Long runs and many of them. Run with `-m slow`."""

import json
import subprocess
import sys
import time

import pytest

from tests.page import browser, runs

# A page in a process of its own, which tells its seconds of a core, whatever
# else the machine does, and its MiB.
MAKE = """
import resource, sys, time
from ponderdream.page.__main__ import main
assert main(sys.argv[1:]) == 0
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(time.process_time(), memory)
"""


def make(*argv):
  """The seconds of a core and MiB that a page takes."""
  command = [sys.executable, '-c', MAKE, *map(str, argv)]
  done = subprocess.run(command, capture_output=True, text=True, check=True)
  return tuple(map(float, done.stdout.split()[-2:]))


def long(folder, seed=0, episodes=400_000, logs=20_000, keys=90):
  """A run of two million steps, with short episodes and many log lines."""
  runs.write(folder, seed, steps=range(100, 200, 100))
  with (folder / 'scores.jsonl').open('a') as file:
    for i in range(episodes):
      file.write(
        f'{{"step": {200 + 5 * i}, "episode/score": {i % 7}.25,'
        f' "episode/length": 5.0, "episode/ponder_steps": {1 + i % 4}.5,'
        f' "episode/log/rows": {i % 6}.0}}\n'
      )
  values = {f'train/number/{k}': 1.0 / (k + 3) for k in range(keys)}
  with (folder / 'metrics.jsonl').open('a') as file:
    for i in range(logs):
      step = 200 + 100 * i
      more = {'run/wall_seconds': step / 50, 'run/updates': i}
      file.write(json.dumps({'step': step, **values, **more}) + '\n')
  return folder


@pytest.mark.slow
def test_two_million_steps_are_fast_and_small(tmp_path):
  run = long(tmp_path / 'run')
  took, memory = make(run)
  print(f'{took:.1f} s of a core, {memory:.0f} MiB')
  assert took < 20 and memory < 500
  assert (run / 'page.html').stat().st_size < 8e6


@pytest.mark.slow
@pytest.mark.skipif(bool(browser.missing()), reason=browser.missing())
def test_ten_runs_stay_fluid(tmp_path):
  """In a browser that has just begun, which has to compile Plotly. Seconds are
  those of the thread that draws, whatever else the machine does."""
  folders = [
    long(tmp_path / f'run{i}', i, 10_000, 2000, 60) for i in range(10)
  ]
  for i, folder in enumerate(folders):  # ten groups, not one
    text = (folder / 'config.yaml').read_text()
    text = text.replace('crafter_reward', f'crafter_{i}')
    (folder / 'config.yaml').write_text(text)
  out = tmp_path / 'page.html'
  make(*folders, '--out', out)
  assert out.stat().st_size < 8e6
  with browser.started() as chromium:
    with browser.opened(chromium, 'about:blank', False) as page:
      took = browser.clock(page)
      begin = time.perf_counter()
      page.goto(out.as_uri())
      page.wait_for_selector('html[data-ready]')
      wall = time.perf_counter() - begin
      print(f'first draw: {took():.2f} s of a core in {wall:.2f} s')
      assert took() < 2
      browser.drawn(page)
      print(f'all charts: {took():.2f} s of a core')
      assert len(browser.lines(page, 'return')) == 10
      before = took()
      page.click('#axis >> text=Updates')
      assert browser.lines(page, 'return')[0]['x'][-1] < 2000
      print(f'another axis: {took() - before:.2f} s of a core')
      assert took() - before < 1 and page.errors == []
