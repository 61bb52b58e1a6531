"""Asked for a goal or not: shares and intervals by hand."""

import pytest

from embodied import envs
from scripts.experiments import asked


@pytest.mark.parametrize(
  'counts, more, apart',
  [((20, 2), True, True), ((11, 9), True, False), ((5, 5), False, False)],
)
def test_what_a_row_says(counts, more, apart):
  row = asked.compared('eat_cow', 'eat a cow', *counts, 20)
  assert (row['more'], row['apart']) == (more, apart)
  assert row['asked'] == counts[0] / 20 and row['task'] == counts[1] / 20


def test_the_goals_of_the_game_stand_for_its_achievements():
  whole, *goals = envs.goals('crafter_reward')
  env = envs.make_env('crafter_reward', 0, seed=0)
  names = sorted(
    k.removeprefix('log/achievement_') for k in env.obs_space if 'log/' in k
  )
  assert len(goals) == len(names) == len(set(goals)) == 22
  other = {
    'collect_drink': 'water',
    'place_plant': 'sapling',
    'wake_up': 'sleep',
  }
  for name, goal in zip(names, goals, strict=True):
    thing = other.get(name, name.partition('_')[2].replace('_', ' '))
    assert goal.endswith(thing), (name, goal)
