"""Several worlds in one run: spaces, masks, goals, returns, and their data."""

import functools

import numpy as np
import pytest

from embodied import Driver, RandomAgent, envs, wrappers
from embodied.base import ASKED, SIGNALS
from embodied.envs import several
from embodied.envs.achievements import Achievements
from embodied.errors import UsageError
from embodied.log.metrics import Episodes
from embodied.space import Space
from tests.naming import naming

TASKS = 'crafter_reward', 'sokoban_small', 'ladder_mixed'


def spaces(task):
  env = envs.make_env(task, 0, seed=0)
  return env.obs_space, env.act_space


def union(tasks=TASKS):
  return several.union({x: spaces(x) for x in tasks})


def world(number, first=0):
  env = envs.make_env(TASKS[number], 0, seed=0)
  return several.World(env, union(), number, first)


def act(action, reset=False):
  return {'action': np.int32(action), 'reset': np.bool_(reset)}


def test_names():
  assert several.tasks('a_b + c_d') == ['a_b', 'c_d']
  assert several.tasks('a_b') == ['a_b']
  with pytest.raises(UsageError, match=naming('a_b+a_b', 'twice')):
    several.tasks('a_b+a_b')


def test_spaces_are_those_of_all_worlds():
  obs, acts = union()
  assert {'image', 'cells', 'rungs', 'lane', *SIGNALS} < obs.keys()
  assert obs['mask'] == Space(bool, (17,), role='mask')
  assert acts['action'] == Space(np.int32, (), 0, 17)


@pytest.mark.parametrize('number, classes', [(0, 17), (1, 4), (2, 4)])
def test_a_world_among_others(number, classes):
  env, alone = world(number), envs.make_env(TASKS[number], 0, seed=0)
  for step in range(30):
    # What the action of a reset is does not matter.
    reset = act(16, True) if step == 0 else act(step % classes)
    obs, own = (
      env.step(reset),
      alone.step(reset | act(step % classes, not step)),
    )
    assert obs.keys() == env.obs_space.keys()
    for key, space in env.obs_space.items():
      if key in own:
        np.testing.assert_array_equal(obs[key], own[key])
      elif key.startswith('log/'):
        assert np.isnan(obs[key]) or key == several.WORLD
      else:
        assert space.contains(obs[key]), key
    assert obs['mask'].tolist() == [True] * classes + [False] * (17 - classes)
    assert obs[several.WORLD] == number and obs[ASKED] == 0
    if obs['is_last']:
      break
  absent = next(k for k in ('image', 'cells') if k not in own)
  assert not obs[absent].any()
  obs[absent][:] = 1  # memory of its own
  assert not env.step(act(0))[absent].any()


def test_a_mask_of_a_world():
  seen = {'own': Space(bool, (3,), role='mask'), **SIGNALS}
  acts = {'action': Space(np.int32, (), 0, 3), 'reset': Space(bool)}
  shared = several.union({'one': (seen, acts), TASKS[0]: spaces(TASKS[0])})
  assert 'own' not in shared[0] and shared[0]['mask'].shape == (17,)
  blank = several.blank(shared, (seen, acts), (2,))
  mask = np.array([[True, False, False], [False, True, True]])
  full = several.fill({'own': mask}, blank, 'own')
  assert full['mask'].shape == (2, 17) and 'own' not in full
  np.testing.assert_array_equal(full['mask'][:, :3], mask)
  assert not full['mask'][:, 3:].any() and blank['mask'][:, :3].all()


def test_worlds_that_do_not_fit():
  with pytest.raises(UsageError, match=naming('dummy_cont', 'discrete')):
    union(['sokoban_small', 'dummy_cont'])
  acts = {'action': Space(np.int32, (), 1, 4), 'reset': Space(bool)}
  with pytest.raises(UsageError, match=naming('other', 'discrete')):
    several.union({'other': (dict(SIGNALS), acts)})
  with pytest.raises(UsageError, match=naming('cells', '(7, 7)', '(5, 5)')):
    room = Space(np.int32, (5, 5), 0, 7)
    acts = {'action': Space(np.int32, (), 0, 4), 'reset': Space(bool)}
    other = {'cells': room, **SIGNALS}, acts
    several.union({'sokoban_small': spaces('sokoban_small'), 'other': other})


def test_goals_of_all_worlds():
  make = functools.partial(envs.make_env, 'crafter_reward', seed=0)
  ask = lambda index: wrappers.asked(make, 1.0, 0, True, index)
  env = ask(0)
  shared = several.union({
    'crafter_reward': (env.obs_space, env.act_space),
    'sokoban_small': spaces('sokoban_small'),
  })  # fmt: skip
  # The one goal of Sokoban comes first.
  env = several.World(env, shared, 0, 1)
  goals = {int(env.step(act(0, True))[ASKED]) for _ in range(60)}
  assert min(goals) == 2 and max(goals) <= 1 + 22 and len(goals) > 10
  room = functools.partial(envs.make_env, 'sokoban_small', seed=0)
  assert ASKED not in wrappers.asked(room, 1.0, 0, False, 0).obs_space
  with pytest.raises(UsageError, match=naming('run.ask')):
    wrappers.asked(room, 1.0, 0, True, 0)


def test_returns_and_achievements_of_each_world():
  makers = [functools.partial(envs.make_env, x, seed=0) for x in TASKS]
  make = functools.partial(several.make, makers, union(), [0, 0, 0])
  driver = Driver(
    [functools.partial(make, i) for i in range(6)], parallel=False
  )
  agent = RandomAgent(driver.obs_space, driver.act_space)
  trackers = several.Returns(TASKS), Achievements()
  episodes, found = Episodes(), {x: [] for x in TASKS}

  def on_step(transition, worker):
    episode = episodes.add(transition, worker)
    if episode is None:
      return
    line = {k: v for x in trackers for k, v in x.episode(episode).items()}
    assert line[f'score_{TASKS[worker % 3]}'] == episode['score']
    found[TASKS[worker % 3]].append(episode)

  driver.on_step(on_step)
  driver.reset(agent.init_policy)
  while not all(found.values()):
    driver(agent.policy, steps=60)
  driver.close()
  means = {k: np.mean([x['score'] for x in v]) for k, v in found.items()}
  assert trackers[0].summary()['worlds'] == pytest.approx(means)
  # Rates are shares of the episodes of their own world.
  counts = trackers[1].episodes
  assert counts['solved'] == len(found['sokoban_small'])
  assert counts['collect_coal'] == len(found['crafter_reward'])
  assert trackers[1].summary()['crafter_score'] is None
  assert not any('coal' in k for x in found['ladder_mixed'] for k in x)
  assert several.Returns(['alone']).episode({'score': 1.0}) == {}
