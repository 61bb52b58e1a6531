"""The table of players and the benchmark of the Battle Factory, in small."""

import json

from scripts import results
from scripts.bench import factory as bench
from scripts.experiments import factory
from tests.embodied.envs.battlefactory import needs


@needs.ENGINE
def test_the_table_keeps_what_it_has(tmp_path):
  out = ['--battles', '1', '--runs', '2', '--out', str(tmp_path / 'f')]
  factory.main([*out, '--players', 'damage', '--parts', 'trainer0'])
  factory.main([*out, '--players', 'expert', '--parts', 'streak', 'drafted'])
  found = json.loads((tmp_path / 'f.json').read_text())
  assert found['damage']['trainer0']['of'] == 8
  assert found['damage']['trainer0']['sets'] == 'random'
  streak = found['expert']['streak']
  assert 0 <= streak['mean'] <= streak['best'] <= 42
  assert found['expert']['drafted']['of'] == 8


@needs.ENGINE
def test_the_benchmark_counts_both_processes(tmp_path):
  bench.main(['--rounds', '1', '--steps', '40', '--out', str(tmp_path / 'b')])
  lines = results.read_lines(tmp_path / 'b.jsonl')
  assert [x['case'] for x in lines] == ['steps', 'battles']
  assert all(0 < x['per_core_second'] < 5000 for x in lines)
