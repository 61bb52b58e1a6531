"""What all scripts share: results, pictures, arguments."""

import argparse
import importlib
import json
import pathlib
import sys

import numpy as np
import pytest

from embodied.errors import UsageError
from scripts import arguments, plots, results
from scripts.experiments import (
  bandit,
  branch,
  hours,
  ladder,
  parity,
)
from tests.naming import naming, says

ROOT = pathlib.Path(__file__).parents[2]
MODULES = [
  f'scripts.{x.parent.name}.{x.stem}'
  for x in sorted((ROOT / 'scripts').glob('*/*.py'))
  if '__main__' in x.read_text() and x.stem not in ('peer', 'ppo')
]


def stored(name):
  return json.loads((results.RESULTS / f'{name}.json').read_text())


@pytest.mark.parametrize('module', MODULES)
def test_every_script_says_how_it_is_called(module, capsys):
  with pytest.raises(SystemExit) as stop:
    importlib.import_module(module).main(['--help'])
  assert stop.value.code == 0
  assert f'python -m {module}' in capsys.readouterr().out


def test_results_are_plain_numbers_in_lines(tmp_path):
  runs = [{'a': np.float32(1 / 3), 'b': np.arange(2)}, {'a': None}]
  path = tmp_path / 'new' / 'paper.96'
  results.write(path, {'n': 1e-9 / 3, 'runs': runs})
  text = (tmp_path / 'new' / 'paper.96.json').read_text()
  assert json.loads(text) == {
    'n': 3.333e-10,
    'runs': [{'a': 0.3333, 'b': [0, 1]}, {'a': None}],
  }
  assert len(text.splitlines()) == 7


def test_lines_replace_those_of_an_earlier_run(tmp_path, capsys):
  for value in (1, 2):
    lines = results.Lines(tmp_path / 'bench')
    lines.add({'case': 'a', 'ms': [value / 3]})
    lines.add({'case': 'b'})
  first, second = (tmp_path / 'bench.jsonl').read_text().splitlines()
  assert json.loads(first) == {'case': 'a', 'ms': [0.6667]}
  assert json.loads(second) == {'case': 'b'}
  assert capsys.readouterr().out.splitlines()[-2:] == [first, second]


def test_what_is_measured_once_is_measured_again_for_something_else(tmp_path):
  path, made = tmp_path / 'found.json', []

  def once(*about):
    make = lambda: made.append(about) or {'all': np.float64(1 / 3)}
    return results.once(path, about, make)

  assert once('plans', 8) == once('plans', 8) == {'all': 0.3333}
  assert made == [('plans', 8)]
  once('plans', 9)
  once('plans', 9)
  assert made == [('plans', 8), ('plans', 9)]
  with pytest.raises(ZeroDivisionError):
    results.once(path, 'others', lambda: 1 / 0)
  assert once('plans', 9) and len(made) == 2
  # A file of an earlier version says nothing.
  path.write_text('{"all": 1}')
  assert once('plans', 9) == {'all': 0.3333}


def test_a_table_has_a_column_for_every_key(capsys):
  results.table({'one': {'x': 1.0, 'y': [0.5, 2]}, 'two': {'z': None, 'x': 3}})
  head, one, two = capsys.readouterr().out.splitlines()
  assert head.split() == ['x', 'y', 'z']
  assert one.split() == ['one', '1.000', '0.500', '2']
  assert two.split() == ['two', '3']
  assert len(head) == len(one) == len(two)


def test_times_and_their_spread():
  with results.clock() as took:
    sum(range(10**6))
  assert took['wall'] >= took['cpu'] * 0.9 > 0
  times = [{'cpu': x, 'wall': 2 * x} for x in (3, 1, 8)]
  assert results.spread(times) == {'cpu': [3, 1, 8], 'wall': [6, 2, 16]}


def test_ranks_and_correlation_by_hand():
  assert results.ranks([3, 1, 3, 2]).tolist() == [2.5, 0, 2.5, 1]
  assert results.ranks([2.0, 2.0, 2.0]).tolist() == [1, 1, 1]
  # (-1, 0, 1) and (-1, 1, 0): 1 / 2.
  x, y = np.array([1.0, 2, 3]), np.array([0.0, 2, 1])
  assert results.correlation(x, y) == pytest.approx(0.5)
  assert results.correlation(x, np.ones(3)) == 0


@pytest.mark.parametrize('text', ['0', '1.5', 'many', '-3', 'inf', 'nan'])
def test_counts_are_counts(text):
  with pytest.raises(argparse.ArgumentTypeError, match=naming(f"'{text}'", 1)):
    arguments.count(text)
  assert arguments.count('1e5') == 10**5 and arguments.whole(0)('0') == 0


def test_a_mistake_is_a_sentence(monkeypatch, capsys):
  def main(argv):
    raise UsageError(f'No {argv[0]}.')

  monkeypatch.setattr(sys, 'argv', ['script', 'run'])
  with pytest.raises(SystemExit) as stop:
    arguments.run(main)
  assert stop.value.code == 2
  assert says(capsys.readouterr().err, 'Error', 'No run.')


def drawn(path):
  png = path.with_name(path.name + '.png')
  return png.stat().st_size > 10_000


@pytest.mark.parametrize('name', ['ladder', 'credit'])
def test_stored_results_can_be_drawn(name, tmp_path):
  ladder.picture(stored(name), tmp_path / name)
  assert drawn(tmp_path / name)


def test_the_stored_core_hour_can_be_drawn(tmp_path, capsys):
  runs = stored('core-hour')['runs']
  hours.draw(tmp_path / 'core-hour', runs)
  assert drawn(tmp_path / 'core-hour')
  hours.table(runs)
  assert '| pondernet | return |' in capsys.readouterr().out


def test_stored_experiments_on_the_core_can_be_drawn(tmp_path):
  content = stored('parity')
  setting = parity.Setting(**content['setting'])
  parity.picture(content['runs'], setting, tmp_path / 'parity')
  bandit.picture(stored('bandit')['runs'], tmp_path / 'bandit')
  branch.picture(stored('branch'), tmp_path / 'branch')
  assert all(drawn(tmp_path / x) for x in ('parity', 'bandit', 'branch'))


def test_a_band_is_the_mean_and_the_range(tmp_path):
  figure, axis = plots.figure(1)
  plots.band(axis, [0, 1], [[1, 2], [3, 6]], color=plots.COLORS[0])
  (line,), (area,) = axis.lines, axis.collections
  assert line.get_ydata().tolist() == [2, 4]
  corners = area.get_paths()[0].vertices.tolist()
  assert {(x, y) for x, y in corners} == {(0, 1), (0, 3), (1, 2), (1, 6)}
  plots.save(figure, tmp_path / 'band')
  assert drawn(tmp_path / 'band')
