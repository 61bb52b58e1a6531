"""The benchmarks of the feed measure what they say, at the smallest size."""

import argparse
import json
import pathlib

import numpy as np
import pytest

from tests.naming import naming

SCRIPTS = pathlib.Path(__file__).parent.parent / 'scripts'


@pytest.fixture
def scripts(monkeypatch, tmp_path):
  """Imports scripts by name; what they write goes to a temporary folder."""
  monkeypatch.syspath_prepend(SCRIPTS)
  import jsonl

  monkeypatch.setattr(jsonl, 'RESULTS', tmp_path)
  return __import__


def test_replay_counts_bytes_and_time(scripts, tmp_path):
  bench = scripts('bench_replay')
  bench.main(['--sizes', '200m', '--held', '300', '--rounds', '2'])
  (line,) = map(json.loads, (tmp_path / 'replay.jsonl').open())
  # 8192 half floats and 32 bytes; reward, action and three flags.
  assert line['bytes_beside_frame'] == 2 * 8192 + 32 + 4 + 4 + 3
  assert line['bytes_per_step'] == line['bytes_beside_frame'] + 64 * 64 * 3
  assert 0 < line['sample_cpu_ms'] and 0 < line['write_cpu_ms']
  total = line['sample_ms'] + line['write_ms']
  assert line['times_faster'] == pytest.approx(51.6 / total, rel=0.3)
  assert 'ratio' not in line


def test_what_does_not_fit_is_skipped(scripts, tmp_path):
  bench = scripts('bench_replay')
  bench.main(['--sizes', '1m', '--held', '1e12'])
  (line,) = map(json.loads, (tmp_path / 'replay.jsonl').open())
  assert line['skipped'].startswith('needs 13355000.0 GB')


def test_environment_shares_add_up_and_copies_are_small(scripts):
  bench = scripts('bench_env')
  line = bench.where(60)
  shares = [v for k, v in line.items() if k.startswith('share_')]
  assert sum(shares) == pytest.approx(1) and min(shares) >= 0
  assert line['share_render'] > 0.05 and line['share_rules'] > 0.05
  line = bench.copies(rounds=3)
  assert 5_000 < line['pickle_bytes'] < 30_000


def test_the_package_has_our_interface_in_the_driver(scripts):
  bench = scripts('bench_env')
  env = bench.Package(0)
  obs = env.step({'action': np.int32(0), 'reset': True})
  assert obs.keys() == env.obs_space.keys() and obs['is_first']
  for key, space in env.obs_space.items():
    assert np.shape(obs[key]) == space.shape


def test_the_clock_takes_off_what_is_inside(scripts, monkeypatch):
  bench = scripts('bench_loop')
  clock, now = bench.Clock(), [0.0]
  fake = argparse.Namespace(perf_counter=lambda: now[0])
  monkeypatch.setattr(bench, 'time', fake)

  def spend(seconds):
    now[0] += seconds

  def outside():
    spend(1)
    inner()
    inner()
    spend(3)

  inner = clock.watched('inner', lambda: spend(5))
  clock.watched('outer', outside)()
  inner()
  assert clock.spent == {'inner': 15.0, 'outer': 4.0}


@pytest.mark.parametrize('text', ['0', '1.5', 'many', '-3', 'inf', 'nan'])
def test_counts_are_counts(scripts, text):
  with pytest.raises(argparse.ArgumentTypeError, match=naming(f"'{text}'")):
    scripts('jsonl').count(text)
