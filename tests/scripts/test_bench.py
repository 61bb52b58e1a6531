"""The benchmarks measure what they say, at the smallest size."""

import json
import sys

import numpy as np
import pytest

from scripts.bench import env, ponder, replay, serve


def lines(path):
  return [json.loads(x) for x in path.read_text().splitlines()]


def test_replay_counts_bytes_and_time(tmp_path):
  out = tmp_path / 'replay'
  replay.main(
    ['--sizes', '200m', '--held', '300', '--rounds', '2', '--out', str(out)]
  )
  (line,) = lines(tmp_path / 'replay.jsonl')
  # 8192 half floats and 32 bytes; reward, action and three flags.
  assert line['bytes_beside_frame'] == 2 * 8192 + 32 + 4 + 4 + 3
  assert line['bytes_per_step'] == line['bytes_beside_frame'] + 64 * 64 * 3
  assert line['held'] == 300
  for key in ('sample_cpu_ms', 'write_cpu_ms', 'sample_ms', 'write_ms'):
    assert line[key] > 0
  assert 'ratio' not in line


def test_ratios_are_of_processor_time():
  class Fake:
    """Uses the processor so many times as long as the other one."""

    def __init__(self, work):
      self.work = work

    def sample(self):
      sum(range(self.work))

    write = touch = sample

  line = replay.measure(Fake(10**5), Fake(10**6), 5)
  assert 5 < line['ratio'] < 20
  assert line['peer_sample_cpu_ms'] > line['sample_cpu_ms']


def test_crafter_is_played_over_resets():
  played = []

  class Fake:
    def reset(self):
      played.append('reset')

    def step(self, action):
      played.append(action)
      return None, 0.0, len(played) % 10 == 0, {}

  env.play_game(Fake())(20)
  actions = [x for x in played if x != 'reset']
  assert len(actions) == 20 and set(actions) <= set(range(17))
  assert played.count('reset') == 3


def test_a_child_answers_its_requests(tmp_path, monkeypatch):
  code = tmp_path / 'answers.py'
  code.write_text(
    'from scripts.bench import serve\n'
    "print('noise')\n"
    "serve.serve({'add': lambda a, b: a + b, 'one': lambda: [1.5]})\n"
  )
  monkeypatch.setenv('PYTHONPATH', str(tmp_path))
  child = serve.Child(sys.executable, 'answers')
  assert child('add', 2, 3) == 5 and child('one') == [1.5]
  with pytest.raises(RuntimeError, match='missing'):
    child('missing')
  child.close()


def test_the_ponder_loops_agree():
  depths = ponder.spread(1024)
  assert depths.mean() == pytest.approx(4, abs=0.05)
  assert depths.min() == 1 and depths.max() == 16
  depths = np.array([1, 1, 1, 1, 2, 3, 4, 2], np.int32)
  cases = ponder.measure('gru8', ponder.core_case(8, depths), 4, depths, 1)
  assert [line['impl'] for line in cases] == ['scan', 'while', 'compact']
  assert all(line['error'] < 1e-5 for line in cases)
  assert cases[0]['ratio'] == 1 and cases[0]['depth_max'] == 4
  assert all(line['cpu_ms'] > 0 for line in cases)
