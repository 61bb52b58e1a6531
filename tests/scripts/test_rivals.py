"""The experiment with Sokoban: its measures by hand and of a tiny agent; with
`-m slow` all the way."""

import contextlib
import json
import sys

import numpy as np
import pytest

from embodied.config import resolve
from embodied.config.flags import split_flags
from embodied.envs.fast_sokoban import rules
from embodied.errors import UsageError
from ponderdream import checkpoint, factories, settings
from scripts.experiments import core_hour, next_push, rooms, sokoban
from tests.naming import naming

SIGNS = dict(zip(' .$*@+#', range(len(rules.CLASSES)), strict=True))
UP, DOWN, LEFT, RIGHT = range(4)


def room(*rows):
  return np.array([[SIGNS[x] for x in row] for row in rows])


# One push to the right and one up solve the room; one up is a mistake.
ROOM = room('######', '#  . #', '#    #', '#@$  #', '#    #', '######')
# After a push down the box lies at the wall below, away from the target.
BY_THE_WALL = room('######', '#  . #', '# @  #', '# $  #', '#    #', '######')


def test_states_where_one_push_loses_the_room():
  known = lambda cells: rooms.remaining(
    cells.astype(np.uint8).tobytes(), cells.shape
  )
  assert known(ROOM) == 3 and not rooms.risky(ROOM)
  assert known(BY_THE_WALL) == 3 and rooms.risky(BY_THE_WALL)
  lost = room('######', '#  . #', '#    #', '# @  #', '# $  #', '######')
  assert known(lost) is None


def played(cells, actions, expected, needed):
  """An episode of these actions, as `rooms.play` gives it."""
  flat, numbers = np.zeros(cells.size, np.uint8), np.zeros(4, np.int64)
  rules.load(flat, numbers, cells.astype(np.uint8).reshape(-1))
  seen = [cells]
  for action in actions:
    rules.step(flat, numbers, cells.shape[1], action)
    seen.append(flat.reshape(cells.shape).astype(int))
  return {
    'cells': np.stack(seen), 'action': np.array(actions),
    'ponder': np.array(expected, float), 'expected': np.array(expected, float),
    'needed': needed, 'solved': numbers[rules.LEFT] == 0,
  }  # fmt: skip


# Right (a push), down and right (below the box), up and up (pushes).
SOLVED = played(ROOM, [RIGHT, DOWN, RIGHT, UP, UP], [5, 4, 3, 2, 1], 3)
LOST = played(BY_THE_WALL, [DOWN, UP], [8, 2], 3)


def test_next_pushes_by_hand():
  # The box is at cell 3 * 6 + 2 = 20, then 21, then 15; four ways each.
  want = [80 + RIGHT, 84 + UP, 84 + UP, 84 + UP, 60 + UP]
  np.testing.assert_array_equal(next_push.labels(SOLVED), want)
  np.testing.assert_array_equal(next_push.labels(LOST), [80 + DOWN, -1])


def test_levels_by_what_is_left_by_hand():
  found = rooms.thinking([SOLVED, LOST])
  # Three pushes are left at 5 and at 8 levels, two at 4, 3 and 2, one at 1.
  assert found['by_left'] == {1: [1, 1], 2: [3, 3], 3: [2, 6.5]}
  assert found['by_time'] == {0: [7, 25 / 7]}
  # After the first push, another one to the right would be a mistake, too.
  want = {'at risk': [2, 6], 'lost': [1, 2], 'safe': [4, 2.75]}
  assert found['at_risk'] == want
  # Ranks 4 3 2 1 0 5 of the levels and 4.5 2 2 2 0 4.5 of the pushes; around
  # their means the products sum to 15, the squares to 17.5 and 15.
  assert found['rank_left'] == pytest.approx(15 / (17.5 * 15) ** 0.5)
  assert found['rank_needed'] == 0  # both rooms need three


def test_success_by_hand():
  found = rooms.success([SOLVED, LOST, LOST, SOLVED])
  assert found['success'] == 0.5 and found['by_needed'] == {3: [4, 0.5]}
  assert found['levels'] == pytest.approx((2 * 15 + 2 * 10) / 14)
  low, high = found['interval']
  assert 0.1 < low < 0.5 < high < 0.9


def test_the_probe_finds_what_a_cell_says_and_nothing_in_noise():
  rng = np.random.default_rng(0)
  label = rng.integers(0, 9 * next_push.WAYS, 400)
  noise = rng.normal(size=(400, 9, 6)).astype(np.float32)
  told = noise.copy()
  cell, way = np.divmod(label, next_push.WAYS)
  told[np.arange(400), cell, way] += 9
  trained = np.arange(400) < 300
  right = lambda x: next_push.probe(x, label, trained)[~trained].mean()
  assert right(told) > 0.9
  assert right(noise) < 0.2  # by chance 1 / 36


def settled(**changes):
  names = ['pondernet', 'cpu', 'sokoban', 'debug']
  found = resolve(settings.blocks(), names)
  changes = {'env.sokoban.length': 12, 'env.sokoban.size': 5, **changes}
  changes |= {'env.sokoban.boxes': 1, 'enc.kind': 'table', 'dyn.deter': 16}
  return found.update({'jax.dtype': 'float32', **changes})


@pytest.mark.slow
def test_an_agent_plays_and_is_probed(tmp_path, monkeypatch):
  monkeypatch.setattr(factories, 'setup', lambda config: config)
  monkeypatch.setattr(rooms, 'ENVS', 3)
  config = settled(logdir=str(tmp_path))
  config.save(tmp_path / 'config.yaml')
  spaces = factories.make_spaces(config)
  # Another seed than that of the file: what plays has its parameters.
  agent = factories.make_agent(spaces, config.update({'seed': 5}))
  state = agent.save()
  saved = checkpoint.Checkpoint(tmp_path / 'checkpoints', keep=1)
  with contextlib.closing(saved):
    saved.save(7, state, {'updates': 0})
    saved.wait()
  player, driver = rooms.opened(tmp_path)
  np.testing.assert_array_equal(
    player.save().params['goalenc']['table'], state.params['goalenc']['table']
  )
  found = rooms.play(player, driver, 6)
  assert len(found) == 6
  for x in found:
    count = len(x['action'])
    assert len(x['cells']) == count + 1 <= 13 and x['solved'] == (count < 12)
    assert ((x['ponder'] >= 1) & (x['ponder'] <= 4)).all()
    # The halting of a new agent is the prior, 1/2, up to four levels:
    # 1/2 + 2/4 + 3/8 + 4/8.
    np.testing.assert_allclose(x['expected'], 1.875, atol=0.2)
  assert rooms.success(found)['by_needed'].keys() == {
    x['needed'] for x in found
  }
  assert rooms.thinking(found)['by_left']
  long = max(found, key=lambda x: len(x['action']))
  batch = {k: long[k][:2] for k in ('cells', 'dyn/deter', 'dyn/stoch')}
  thoughts = next_push.thoughts(player, batch)
  assert [x.shape for x in thoughts] == [(2, 25, 8)] + 4 * [(2, 25, 8)]
  assert (thoughts[1] != thoughts[2]).any()
  # More levels, and fewer, but not as many as in training.
  player, driver = rooms.opened(tmp_path, most=2)
  driver.close()
  assert player.models.ponder.max_steps == 2
  assert rooms.opened(tmp_path, most=4) is None
  for own in ({'inner.tied': False}, {'ponder.mode': 'none'}):
    config.update(own).save(tmp_path / 'config.yaml')
    assert rooms.opened(tmp_path, more=1) is None


def test_the_blocks_of_the_runs():
  names = ['pondernet', 'cpu', 'sokoban']
  found = resolve(settings.blocks(), names)
  # From real steps alone, with a small network and a discount of 0.97.
  assert found.run.train_ratio == found.loss_scales.policy == 0
  assert found.loss_scales.ppo == 1 and found.loss.horizon == 33
  assert found.inner == {
    'units': 32, 'cell': 'conv', 'feedback': 'none', 'tied': True
  }  # fmt: skip


# Mode, levels, whether they share weights, and whether there are dreams.
KINDS = {
  'no thought': ('none', 8, True, False),
  'fixed 4': ('fixed', 4, True, False),
  'kl': ('kl', 16, True, False),
  'untied': ('fixed', 16, False, False),
  'act': ('act', 16, True, False),
  'pondernet': ('pondernet', 16, True, False),
  'sampled': ('pondernet', 16, True, True),
}


@pytest.mark.parametrize('name', sokoban.RIVALS)
def test_every_rival_is_a_run_of_the_real_command(name, tmp_path):
  args = sokoban.options(
    ['--logdir', str(tmp_path), '--rivals', name, '--flags=--run.envs 16']
  )
  plan = sokoban.training(args)
  runs = core_hour.plan(plan)
  assert [x['seed'] for x in runs] == [0, 1, 2] and runs[0]['minutes'] == 60
  command = core_hour.AGENTS['sokoban'](runs[1], plan, 0)
  assert command[1:3] == ['-m', 'ponderdream.train']
  flags = split_flags(command[3:])
  config = settings.parse(flags.pop('configs'), flags, ())
  assert config.task == 'sokoban_small' and config.seed == 1
  assert config.run.envs == 16 and config.inner.units == 32
  if name in KINDS:
    kind = (
      config.ponder.mode, config.ponder.max_steps, config.inner.tied,
      config.run.train_ratio > 0,
    )  # fmt: skip
    assert kind == KINDS[name]
  assert config.ponder.credit == (
    name if name in ('mixture', 'sampled') else 'levels'
  )


def test_rivals_may_clone_an_expert(tmp_path):
  args = sokoban.options(['--logdir', 'x', '--data', str(tmp_path)])
  assert {*sokoban.RIVALS} - {*args.rivals} == {'mixture', 'sampled'}
  plan = sokoban.training(args)
  for run in core_hour.plan(plan):
    command = core_hour.AGENTS['sokoban'](run, plan, 0)
    flags = split_flags(command[3:])
    config = settings.parse(flags.pop('configs'), flags, ())
    assert config.run.script == 'offline' and config.data == (str(tmp_path),)
    used = {k for k, v in config.loss_scales.items() if v}
    assert used == {'clone', 'demoval'} and config.inner.units == 32


def test_bad_rivals(capsys):
  for argv in (['--logdir', 'x', '--rivals', 'fixed 2'], []):
    with pytest.raises(SystemExit):
      sokoban.main(argv)
  assert "'fixed 2'" in capsys.readouterr().err
  argv = ['--logdir', 'x', '--data', 'y', '--rivals', 'sampled']
  with pytest.raises(UsageError, match=naming('sampled', '--data')):
    sokoban.main(argv)


# Writes what a run leaves, instead of training, until it is asked to stop.
AGENT = """
import json, pathlib, sys, time
folder, episodes = pathlib.Path(sys.argv[1]), int(sys.argv[2])
if episodes:
  (folder / 'eval').mkdir(exist_ok=True)
  found = {'return_mean': 1.0, 'crafter_score': None}
  (folder / 'eval' / '5.json').write_text(json.dumps(found))
  sys.exit()
line = {'step': 70, 'episode/score': 2.0}
(folder / 'scores.jsonl').write_text(json.dumps(line) + '\\n')
(folder / 'metrics.jsonl').write_text(json.dumps(line) + '\\n')
while True: pass
"""


def test_files_of_agents_that_were_trained_elsewhere(tmp_path, monkeypatch):
  fake = lambda run, args, episodes: [
    sys.executable, '-c', AGENT, run['folder'], str(episodes)
  ]  # fmt: skip
  monkeypatch.setitem(core_hour.AGENTS, 'sokoban', fake)
  asked = []

  def measure(folder, episodes, probed):
    asked.append(folder.name)
    plain = 'none' in folder.name
    cases = {x: rooms.success([SOLVED, LOST]) for x in sokoban.CASES}
    if plain:
      cases |= {x: None for x in cases if x != sokoban.AS_LEARNT}
    thought = rooms.thinking([SOLVED, LOST] * 10)
    probe = None if plain else [0.25, 0.5, 0.75]
    return cases | {'thinking': thought, 'next_push': probe}

  monkeypatch.setattr(sokoban, 'measure', measure)
  args = ['--logdir', tmp_path / 'runs', '--out', tmp_path / 'out']
  args += ['--rivals', 'no thought', 'pondernet', '--seeds', 1]
  args += ['--minutes', 0.01]
  sokoban.main([str(x) for x in args])
  found = json.loads((tmp_path / 'out.json').read_text())
  assert list(found) == ['command', 'no thought', 'pondernet']
  (plain,), (one,) = found['no thought'], found['pondernet']
  assert plain['more_4'] is None and one['steps'] == 70
  assert one['more_0']['by_needed'] == {'3': [2, 0.5]}
  assert (tmp_path / 'out.png').stat().st_size > 10_000
  # What was measured is not measured again.
  folder = next((tmp_path / 'runs').glob('*none*'))
  assert sokoban.measured(folder, 1000, 200)['next_push'] is None
  assert len(asked) == 2
  sokoban.measured(folder, 7, 200)
  assert len(asked) == 3


def test_means_are_over_the_states_of_all_seeds():
  runs = [
    {'a': {'b': {2: [30, 1.0], 3: [9, 5.0]}}},
    {'a': {'b': {2: [10, 5.0]}}},
  ]
  # (30 * 1 + 10 * 5) / 40; of three there are too few.
  assert sokoban.grouped(runs, 'a', 'b') == ([2.0], [2.0])


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_all_the_way(tmp_path, capsys):
  flags = '--dyn.deter 16 --val.units 8 --inner.units 8 --run.envs 8'
  args = ['--logdir', tmp_path / 'runs', '--out', tmp_path / 'out']
  args += ['--rivals', 'no thought', 'kl', 'untied', 'pondernet']
  args += ['--seeds', 1, '--minutes', 1, '--episodes', 64, '--probed', 8]
  sokoban.main([str(x) for x in [*args, f'--flags={flags}']])
  found = json.loads((tmp_path / 'out.json').read_text())
  assert list(found)[1:] == ['no thought', 'kl', 'untied', 'pondernet']
  for name, (one,) in found.items():
    if name == 'command':
      continue
    assert one['steps'] > 0 and 0 <= one['more_0']['success'] < 0.5
    further = name in ('kl', 'pondernet')
    assert (one['more_16'] is not None) == further
    assert (one['most_4'] is not None) == further
    assert (one['next_push'] is None) == (name == 'no thought')
  assert found['untied'][0]['more_0']['levels'] == 16
  assert found['pondernet'][0]['more_16']['levels'] >= 17
  assert found['pondernet'][0]['most_1']['levels'] == 1
  assert len(found['kl'][0]['next_push']) == 17
  assert (tmp_path / 'out.png').stat().st_size > 10_000
  assert 'pondernet' in capsys.readouterr().out
