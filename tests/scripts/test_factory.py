"""The table of players and the benchmark of the Battle Factory, in small."""

import json

import pytest

from scripts import results
from scripts.bench import factory as bench
from scripts.experiments import factory
from tests.embodied.envs.battlefactory import needs


def test_the_interval_of_a_share():
  # Wilson's interval of 8 of 10, as textbooks print it.
  assert factory.wilson(8, 10) == pytest.approx((0.490, 0.943), abs=1e-3)
  low, high = factory.wilson(0, 10)
  assert low == pytest.approx(0) and high == pytest.approx(0.2775, abs=1e-3)


@needs.ENGINE
def test_the_table_keeps_what_it_has(tmp_path):
  out = ['--battles', '1', '--runs', '2', '--out', str(tmp_path / 'f')]
  factory.main([*out, '--players', 'damage', '--parts', 'trainer0'])
  factory.main([*out, '--players', 'expert', '--parts', 'streak', 'drafted'])
  found = json.loads((tmp_path / 'f.json').read_text())
  assert found['damage']['trainer0']['of'] == 8
  streak = found['expert']['streak']
  assert 0 <= streak['mean'] <= streak['best'] <= 42
  assert found['expert']['drafted']['of'] == 8


@needs.ENGINE
def test_the_benchmark_counts_both_processes(tmp_path):
  bench.main(['--rounds', '1', '--steps', '40', '--out', str(tmp_path / 'b')])
  lines = results.read_lines(tmp_path / 'b.jsonl')
  assert [x['case'] for x in lines] == ['steps', 'battles']
  assert all(0 < x['per_core_second'] < 5000 for x in lines)
