"""The Sokoban expert: its plan, its words, and what it does after a slip."""

import types

import numpy as np
import pytest

from embodied import envs
from embodied.errors import UsageError
from embodied.experts import make_expert
from embodied.experts.sokoban import words
from embodied.experts.sokoban.search import Push
from tests.embodied.envs.rooms import write
from tests.naming import naming

ROOM = """
  #########
  #   #   #
  #@$  .  #
  ### ### #
  #  .  $ #
  #########
"""


def play(seed=0, **variant):
  """Whether it solved the room, the actions, the stacks, and the nodes."""
  expert = make_expert('sokoban', **variant)
  env = envs.make_env(expert.task, 0, seed=seed, **expert.settings)
  expert.reset(seed)
  obs = env.step({'action': np.int32(0), 'reset': np.True_})
  actions, stacks = [], []
  while not obs['is_last']:
    actions.append(expert.act(env))
    stacks.append([x.text for x in expert.stack])
    assert stacks[-1][-1] == expert.actions[expert.intended]
    assert expert.intended == actions[-1] or variant.get('noise')
    obs = env.step({'action': np.int32(actions[-1]), 'reset': np.False_})
  return (
    bool(obs['log/achievement_solved']),
    actions,
    stacks,
    expert.nodes(len(actions)),
  )


def test_it_says_its_plan(tmp_path):
  solved, actions, stacks, nodes = play(levels=str(write(tmp_path, ROOM)))
  assert solved
  said = list(dict.fromkeys(' > '.join(x[:3]) for x in stacks))
  # Each box has a target in its row, three cells away.
  right = 'solve the room > push the right box to the left target'
  left = 'solve the room > push the left box to the right target'
  assert said == [
    f'{right} > go behind it',
    f'{right} > push it left 3 times',
    f'{left} > go behind it',
    f'{left} > push it right 3 times',
  ]
  assert stacks[-1][-1] == 'move right' and len(actions) == len(stacks)
  assert {x['status'] for x in nodes} == {'achieved'}
  assert [x['text'] for x in nodes if x['level'] == 0] == ['solve the room']


@pytest.mark.parametrize('variant', [{}, {'size': 8, 'boxes': 3}])
def test_it_solves_rooms_and_its_nodes_are_the_stacks(variant):
  for seed in range(6):
    solved, actions, stacks, nodes = play(seed, **variant)
    assert solved
    for t, stack in enumerate(stacks):
      there = [x for x in nodes if x['t0'] <= t < x['t1']]
      there.sort(key=lambda x: x['level'])
      assert [x['text'] for x in there] == stack
    assert {x['status'] for x in nodes} == {'achieved'}


def test_after_a_slip_it_plans_again():
  results = [play(seed, noise=0.3) for seed in range(20)]
  solved = [x[0] for x in results]
  # Some slips are final.
  assert 8 <= sum(solved) < 20
  for done, _, stacks, nodes in results:
    root = nodes[0]['status']
    assert root == 'achieved' if done else root in ('failed', 'ongoing')
    lost = any('try something' in x for x in stacks)
    assert lost == (root == 'failed')
  assert play(3, noise=0.3)[1:] == results[3][1:]


def test_no_room_is_solved_by_chance():
  assert sum(play(seed, noise=1.0)[0] for seed in range(5)) < 5


@pytest.mark.parametrize('start, how', [(35, 'towards the right target'),
                                        (25, 'out of the way')])  # fmt: skip
def test_a_box_that_is_pushed_twice(start, how):
  # Width 10. A box comes to 37 and later gets to 17; pushes to there are
  # counted as if there were no walls, but from 25 one is left.
  plan = [Push(start, 3), Push(64, 0), Push(37, 0), Push(27, 0)]
  if start == 35:
    plan.insert(1, Push(36, 3))
  else:
    plan[0:1] = [Push(25, 3), Push(26, 3), Push(27, 1)]
  far = np.array([abs(x // 10 - 1) + abs(x % 10 - 7) for x in range(100)])
  far[25] = 1
  known = types.SimpleNamespace(
    places=np.arange(100), goals=np.array([17, 54]), far=np.stack([far, far])
  )
  found = words.stages(plan, [start, 64], [17, 54], 10, known)
  assert [x.goal.text for x in found] == [
    f'push the right box {how}',
    'push the left box to the left target',
    'push the right box to the right target',
  ]
  runs = [list(dict.fromkeys(y.text for y in x.runs)) for x in found]
  down = [] if start == 35 else ['push it down']
  assert runs == [
    ['push it right 2 times', *down], ['push it up'], ['push it up 2 times'],
  ]  # fmt: skip
  assert found[0].last == [False, True] + [True] * len(down)


def test_words_for_places():
  # Width 10: columns are the last digit.
  assert words.names([34], 10) == {34: ''}
  assert words.names([31, 35], 10) == {31: 'left', 35: 'right'}
  assert words.names([13, 53], 10) == {13: 'upper', 53: 'lower'}
  # 11 and 15 share a row, 11 and 41 a column: no side is theirs alone but
  # together two sides are.
  assert words.names([11, 15, 41, 45], 10) == {
    11: 'upper left', 15: 'upper right', 41: 'lower left', 45: 'lower right',
  }  # fmt: skip
  middle = words.names([11, 15, 33, 41, 45], 10)
  assert middle[33] == 'third' and len(set(middle.values())) == 5


@pytest.mark.parametrize(
  ('variant', 'said'),
  [
    ({'noise': 2}, ['noise', 2]),
    ({'size': 7.5}, ["'size'", 'whole number', 7.5]),
    ({'levels': True}, ["'levels'", 'text', True]),
    ({'noise': 'much'}, ["'noise'", 'number', "'much'"]),
    ({'boxe': 2}, ["'boxe'", "'boxes'"]),
  ],
)
def test_variants_that_are_none(variant, said):
  with pytest.raises(UsageError, match=naming(*said)):
    make_expert('sokoban', **variant)
  assert make_expert('sokoban', size=8.0).settings == {'size': 8, 'boxes': 2}
