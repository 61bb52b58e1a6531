"""Hand-written runs."""

import json

from ponderdream.page import data
from ponderdream.page.run import Run

# Of the runs in the browser.
STEPS = range(100, 4100, 100)
EVIL = '<script>alert(1)</script>'
# Pictures of one pixel: red, blue.
PIXEL = 'UklGRhwAAABXRUJQVlA4TA8AAAAvAAAAAAcQ/Y/+ByKi/wEA'
OTHER = 'UklGRhwAAABXRUJQVlA4TA8AAAAvAAAAAAcQ0f/+ByKi/wEA'


def lines(path, rows):
  """Appends lines of JSON."""
  with path.open('a') as file:
    file.writelines(json.dumps(x) + '\n' for x in rows)


def metrics(steps, seconds=True):
  """A line at each step: 10 environment steps a second, 4 a update."""
  for step in steps:
    line = {
      'step': step, 'run/updates': step / 4, 'train/loss/rew': 100 / step,
      'train/ponder/steps': 2.0, 'train/ponder/depth': 4.0,
      'acted/halted/1': 0.75, 'success/score': step / 100,
    }  # fmt: skip
    if seconds:
      line |= {'run/wall_seconds': step / 10, 'run/core_seconds': step / 5}
    yield line


def scores(steps, gain=0.01):
  """An episode at each step, with return `gain` times the step."""
  for i, step in enumerate(steps):
    yield {
      'step': step, 'episode/score': gain * step, 'episode/length': 50.0,
      'episode/ponder_steps': 1.0 + i % 3, 'episode/log/rows': float(i % 3),
      'episode/achievement_wake_up': 1.0,
      'episode/achievement_collect_wood': float(i % 2),
    }  # fmt: skip


def write(
  folder,
  seed=0,
  steps=range(100, 1100, 100),
  gain=0.01,
  mode='pondernet',
  seconds=True,
):
  """A whole run; returns its folder."""
  folder.mkdir(parents=True)
  (folder / 'config.yaml').write_text(
    f'task: crafter_reward\nseed: {seed}\nponder:\n  mode: {mode}\n'
    f"goal: '{EVIL}'\n"
  )
  lines(folder / 'metrics.jsonl', metrics(steps, seconds))
  lines(folder / 'scores.jsonl', scores(steps, gain))
  lines(folder / 'processes.jsonl', [{
    'began': '2026-01-01', 'command': f'python {EVIL}', 'commit': 'abc',
    'device': '1 x cpu', 'cores': 2, 'versions': {'numpy': '2'},
  }])  # fmt: skip
  return folder


def evaluation(folder, step=1000):
  """Adds an evaluation to a run, with recorded episodes."""
  (folder / 'eval').mkdir()
  found = {
    'step': step, 'episodes': 20, 'return_mean': 9.0, 'return_ci95': 0.5,
    'success': {'wake_up': 100.0, 'collect_wood': 50.0}, 'crafter_score': 12.0,
  }  # fmt: skip
  (folder / 'eval' / f'{step}.json').write_text(json.dumps(found))
  film = json.dumps(recorded(step))
  (folder / 'eval' / f'{step}.episodes.json').write_text(film)


def recorded(step):
  """One episode of five steps: the longest thought at 2, an event at 3."""
  rows = {
    'steps': [1.0, 2.0, 4.0, 1.0, None], 'value': [0.5, 0.6, 0.7, 0.1, 0.0],
    'reward': [0.0, 0.0, 0.0, 1.0, -1.0], 'action': [3, 1, 2, 0, None],
    'frames': [0, 1, 0, 1, 0], 'events': [[3, EVIL]],
    'halts': [[0.75, 0.25]] * 4 + [[]], 'said': [[0, 1]] * 4 + [[]],
    'choice': [[1, 2]] * 4 + [[]], 'expected': [[0.2, 0.3]] * 4 + [[]],
    'imagined': [[0, 1]] * 4 + [[]], 'came': [0.6, 0.7, 1.1, -1.0, None],
  }  # fmt: skip
  about = {'return': 0.0, 'whole': True, 'terminal': True}
  episode = rows | about | {'log': {'rows': [1.0] * 5}}
  return {
    'step': step, 'note': '', 'shape': [1, 1], 'pictures': [PIXEL, OTHER],
    'texts': [EVIL, 'find wood'], 'episodes': [episode],
  }  # fmt: skip


def opened(*folders):
  """Runs that have been read."""
  found = [Run(x, x.name) for x in folders]
  for run in found:
    run.read()
  return found


def page(*folders):
  """The data of their page."""
  return data.page(opened(*folders))
