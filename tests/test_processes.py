"""What a run remembers of the processes that trained it."""

import json
import subprocess

from embodied.config import Config
from embodied.log.timer import Clock
from ponderdream.settings import processes


def test_a_line_for_each_process(tmp_path, monkeypatch):
  config = Config({'logdir': str(tmp_path)})
  argv = ['python3', '-m', 'ponderdream.train', '--task', 'a b']
  monkeypatch.setattr(processes.sys, 'orig_argv', argv)
  processes.record(config, '2 x cpu')
  processes.record(config, '1 x TPU v4')
  processes.record(config, '1 x TPU v4', host=1)
  path = tmp_path / 'processes.jsonl'
  first, second = map(json.loads, path.read_text().splitlines())
  assert first['command'] == "python -m ponderdream.train --task 'a b'"
  assert (first['device'], second['device']) == ('2 x cpu', '1 x TPU v4')
  assert first['versions'].keys() >= {'python', 'jax', 'numpy'}


def test_outside_of_a_checkout_there_is_no_commit(monkeypatch):
  def fail(*args, **kwargs):
    raise FileNotFoundError('git')

  monkeypatch.setattr(subprocess, 'run', fail)
  assert processes.commit() == ''


def test_seconds_go_on_where_they_were(monkeypatch):
  now = {'wall': 100.0, 'core': 40.0}
  monkeypatch.setattr(Clock, '_now', lambda self: dict(now))
  clock = Clock()
  now['wall'] += 10
  now['core'] += 4
  assert clock.seconds() == {'wall': 10, 'core': 4}
  clock.load({'wall': 1000.0, 'core': 500.0})
  assert clock.seconds() == {'wall': 1010, 'core': 504}
