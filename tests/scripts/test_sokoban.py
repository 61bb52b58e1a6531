"""The measurements of Sokoban, at the smallest size."""

import json

from scripts import results
from scripts.bench import sokoban
from scripts.experiments import solver
from tests.embodied.envs.rooms import write

LEVELS = '#####\n#@$.#\n#####\n\n#####\n#.$@#\n#####'


def test_speeds_are_of_all_cases(tmp_path):
  folder = write(tmp_path / 'levels', LEVELS)
  out = tmp_path / 'speed'
  argv = ['--levels', folder, '--rounds', 1, '--steps', 500, '--out', out]
  sokoban.main([str(x) for x in argv])
  lines = results.read_lines(out.with_suffix('.jsonl'))
  sizes = [f'{n}x{n}, {b}' for n, b in sokoban.ROOMS]
  assert [x['case'] for x in lines] == [*sizes, 'levels', 'step', 'in a run']
  assert all(x['steps_per_cpu_second'] > 0 for x in lines)
  # A step to the right, or to the left, solves a level.
  known = sokoban.levels.read(str(folder)).cells.reshape(2, -1)
  episodes = sokoban.game(known, 3, 0)(1000)
  assert 500 / 4 < episodes < 1000


def test_the_solver_is_measured(tmp_path):
  folder = write(tmp_path / 'levels', LEVELS)
  argv = ['--levels', folder, '--out', tmp_path / 'solver']
  solver.main([str(x) for x in argv])
  found = json.loads((tmp_path / 'solver.json').read_text())
  (line,) = found.values()
  assert line['levels'] == 2 and line['solved'] == 1
  assert line['pushes'] == line['steps'] == line['stages'] == 1
