"""The Battle Factory as an environment."""

import copy
import os
import pickle
import signal

import numpy as np
import pytest

from embodied import envs
from embodied.envs.battlefactory import engine, observation, rules
from embodied.envs.battlefactory.memory import Memory, identifier
from embodied.errors import UsageError
from tests.embodied.envs.battlefactory import needs
from tests.naming import naming

RESET = {'action': np.int32(0), 'reset': np.True_}


def make(task='level50', seed=0, **settings):
  return envs.make_env(f'battlefactory_{task}', 0, seed=seed, **settings)


def act(env, obs, rng):
  choice = rng.choice(np.flatnonzero(obs['mask']))
  return env.step({'action': np.int32(choice), 'reset': np.False_})


def walk(env, steps, seed=0, obs=None):
  """Observations under random actions from a reset, or from `obs` on."""
  rng = np.random.default_rng(seed)
  seen = [env.step(RESET) if obs is None else obs]
  for _ in range(steps):
    seen.append(act(env, seen[-1], rng))
  return seen


def game(env):
  while hasattr(env, 'env'):
    env = env.env
  return env


def same(left, right):
  return all(np.array_equal(left[k], right[k]) for k in left)


def phases(obs):
  size = len(observation.PHASES)
  return observation.PHASES[int(obs['field'][:size].argmax())]


pytestmark = needs.ENGINE


@pytest.mark.parametrize('task', ['level50', 'open', 'battle'])
def test_episodes_keep_to_the_rules(task):
  env = make(task, foe='random', text=300)
  rng, streak, ends, seen = np.random.default_rng(1), 0, 0, set()
  obs = env.step(RESET)
  for _ in range(200):
    before, phase = obs, phases(obs)
    obs = act(env, obs, rng)
    if before['is_last']:
      streak = 0
      assert obs['is_first'] and obs['reward'] == 0
      assert obs['log/streak'] == 0
      continue
    mask = before['mask']
    assert not mask[:6].any() or (phase == 'battle' and not mask[6:].any())
    if phase == 'draft':
      assert not mask[12:].any() and 3 < mask[6:12].sum() <= 6
    if phase == 'swap':
      assert mask[12:].all() and not mask[:12].any()
    seen.add(phase)
    streak += int(obs['reward'] == 1)
    assert obs['reward'] in (-1, 0, 1) and obs['log/streak'] == streak
    if obs['reward'] == -1 or (task == 'battle' and obs['reward'] == 1):
      assert obs['is_last'] and obs['is_terminal']
      ends += 1
    assert obs['log/knock_outs'] >= 3 * streak
    assert obs['log/engine_failures'] == 0
  assert ends
  assert seen == ({'battle'} if task == 'battle' else {*observation.PHASES})


def test_a_round_has_seven_battles_and_then_a_draft():
  # An opponent with one turn to live: every battle is won or lost at the cap.
  env = make(foe='random', seed=3)
  inner = game(env)
  env.step(RESET)
  order = []
  inner.challenge.draft([0, 1, 2])
  for battle in range(14):
    if inner.phase == 'draft' and battle:
      for place in (6, 7, 8):
        env.step({'action': np.int32(place), 'reset': np.False_})
    inner.phase = 'battle'
    inner.view = {'kind': 'end', 'won': True, 'turn': 1, 'log': []}
    inner.memory = Memory(['a', 'b', 'c'])
    reward = inner._judge()
    assert reward == 1.0
    order.append(inner.phase)
  assert order == (['swap'] * 6 + ['draft']) * 2
  assert inner.challenge.round == 2 and not inner.done


def test_after_42_wins_the_challenge_is_over():
  env = make()
  inner = game(env)
  env.step(RESET)
  inner.challenge.draft([0, 1, 2])
  inner.counts['streak'] = 41
  inner.view = {'kind': 'end', 'won': True, 'turn': 1, 'log': []}
  inner.memory = Memory(['a', 'b', 'c'])
  assert inner._judge() == 1.0 and inner.done


def test_an_action_outside_the_mask_is_refused():
  env = make()
  env.step(RESET)
  with pytest.raises(ValueError, match=naming(0, 'draft', 'allowed')):
    env.step({'action': np.int32(0), 'reset': np.False_})


def test_a_draft_leads_and_a_swap_takes_the_place():
  env = make(foe='random')
  inner = game(env)
  env.step(RESET)
  offer = inner.challenge.offer
  for place in (4, 0, 2):
    obs = env.step({'action': np.int32(6 + place), 'reset': np.False_})
  assert inner.challenge.team == (offer[4], offer[0], offer[2])
  assert inner.view['active'][0] == 0
  rng = np.random.default_rng(0)
  while phases(obs) != 'swap':
    obs = act(env, obs, rng)
    if obs['is_last']:
      obs = env.step(RESET)
  old, beaten = inner.challenge.team, inner.challenge.beaten
  env.step({'action': np.int32(13 + 3 * 1 + 2), 'reset': np.False_})
  assert inner.challenge.team == (old[0], beaten[2], old[2])


def test_seed_and_actions_fix_everything():
  left, right = walk(make(seed=5), 60), walk(make(seed=5), 60)
  assert all(map(same, left, right))
  assert not all(map(same, left, walk(make(seed=6), 60)))


@pytest.mark.parametrize(
  'twin', [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize('steps', [2, 12])
def test_a_copy_goes_on_alike_and_alone(twin, steps):
  env = make(seed=2)
  obs = walk(env, steps)[-1]
  other, third = twin(env), twin(env)
  path = walk(other, 50, 1, obs)
  assert all(map(same, path, walk(env, 50, 1, obs)))
  third.reseed((7, 0))
  assert not all(map(same, path, walk(third, 50, 1, obs)))


def test_an_engine_that_dies_ends_the_episode_and_a_new_one_follows():
  env = make('battle')
  obs = walk(env, 2)[-1]
  os.kill(engine.shared().pid, signal.SIGKILL)
  obs = env.step({'action': np.int32(np.argmax(obs['mask'])),
                  'reset': np.False_})  # fmt: skip
  assert obs['is_last'] and not obs['is_terminal'] and obs['reward'] == 0
  assert obs['log/engine_failures'] == 1
  # The new one dies while nobody asks it anything.
  os.kill(engine.shared().pid, signal.SIGKILL)
  seen = walk(env, 5)
  assert seen[0]['is_first'] and not seen[-1]['log/engine_failures']


def test_what_a_player_cannot_see_is_not_told():
  env = make('battle', seed=9)
  obs = env.step(RESET)
  inner = game(env)
  size = observation.FOE
  mons = np.split(obs['foe'], [size, 2 * size])
  lead, *hidden = mons
  assert lead[0] == 1 and lead[observation.BODY + 6 :].sum() == 0
  for mon in hidden:
    assert mon[2] == 1 and np.count_nonzero(mon) == 1
  text = inner.render()
  foes = inner.challenge.foe
  assert f'Their {foes[0].name}' in text
  assert not any(x.name in text for x in foes[1:])
  # With the table, the moves of who is in battle are known.
  wise = make('battle', seed=9, knowledge='table')
  told = wise.step(RESET)['foe'][observation.BODY + 6 : size]
  known = told.reshape(4, observation.FOE_MOVE)[:, 0]
  assert known.sum() in (0, len(foes[0].moves))


def test_groups_hold_what_their_places_say():
  env = make(seed=4)
  env.step(RESET)
  inner = game(env)
  for place in (0, 1, 2):
    obs = env.step({'action': np.int32(6 + place), 'reset': np.False_})
  own = obs['own'].reshape(3, observation.OWN)
  assert (own[:, 0] == 1).all() and own[:, 1].tolist() == [1, 0, 0]
  assert (own[:, 2] == 1).all()
  facts = engine.install.data()
  foe = inner.challenge.foe[0]
  for mon, row in zip(inner.challenge.team, own, strict=True):
    types = row[10 : 10 + 17]
    assert [facts['types'][i] for i in np.flatnonzero(types)] == sorted(
      mon.types, key=facts['types'].index
    )
    stats = row[observation.BODY : observation.BODY + 6]
    np.testing.assert_allclose(stats * 200, mon.stats, atol=1e-3)
    moves = row[observation.BODY + 6 :].reshape(4, observation.OWN_MOVE)
    for name, got in zip(mon.moves, moves, strict=False):
      move = facts['moves'][name]
      assert got[0] == pytest.approx(move['power'] / 150)
      assert got[8] in (0, 1) and got[7] == 1
      if move['category'] != 'Status':
        chart = observation.factor(move['type'], foe.types)
        assert got[9] == observation.SCALE[chart]
  assert observation.factor('Grass', ('Water', 'Ground')) == 4
  assert observation.factor('Ground', ('Flying', 'Steel')) == 0


def test_text_says_the_same():
  env = make(seed=4, text=80)
  obs = env.step(RESET)
  inner = game(env)
  data = bytes(obs['text'])
  assert len(data) == 80
  assert inner.render().encode().startswith(data.rstrip(b'\0'))
  for mon in inner.challenge.offer:
    assert mon.name in inner.render()


def test_shaped_rewards_follow_the_hit_points():
  plain, shaped = make('battle', seed=1), make('battle', seed=1, shaped=0.5)
  left, right = walk(plain, 12), walk(shaped, 12)
  inner, total = game(shaped), 0.0
  for a, b in zip(left, right, strict=True):
    if b['is_last']:
      break
    total += float(b['reward'] - a['reward'])
    hp = b['own'].reshape(3, -1)[:, 2].sum()
    bars = b['foe'].reshape(3, -1)[:, 2].sum()
    assert total == pytest.approx(0.5 * (hp - bars), abs=1e-4)
  assert inner.shaped == 0.5 and total != 0


@pytest.mark.parametrize(
  ('task', 'settings', 'words'),
  [
    ('level51', {}, ["'battlefactory_level51'", 'battlefactory_level50']),
    ('open', {'sets': 'frontiers'}, ["'frontiers'", "'frontier'"]),
    ('open', {'knowledge': 'all'}, ["'all'", 'table']),
    ('open', {'round': 0}, ['round', 0, 1, 100]),
    ('battle', {'round': -1}, ['round', -1, 0]),
    ('open', {'turns': 0}, ['turns', 0]),
    ('open', {'foe': 'ash'}, ["'ash'", 'random']),
  ],
)
def test_what_cannot_be_made_is_a_usage_error(task, settings, words):
  with pytest.raises(UsageError, match=naming(*words)):
    make(task, **settings)


def test_the_log_is_read_as_a_player_reads_it():
  seen = Memory(['Vaporeon', 'Gengar', 'Starmie'])
  seen.read([
    '|switch|p1a: Pikachu|Pikachu, L50, M|90/90',
    '|switch|p2a: Vaporeon|Vaporeon, L50, F|48/48',
    '|turn|1',
    '|move|p2a: Vaporeon|Surf|p1a: Pikachu',
    '|-supereffective|p1a: Pikachu',
    '|move|p1a: Pikachu|Thunderbolt|p2a: Vaporeon',
    '|-supereffective|p2a: Vaporeon',
    '|-heal|p2a: Vaporeon|48/48|[from] item: Leftovers',
    '|-heal|p2a: Vaporeon|48/48|[from] ability: Water Absorb|[of] p1a: X',
    '|faint|p2a: Vaporeon',
    '|switch|p2a: Gengar|Gengar, L50, M|48/48',
    '|move|p2a: Gengar|Metronome|p2a: Gengar',
    '|move|p2a: Gengar|Surf|p1a: Pikachu|[from]move: Metronome',
    '|-enditem|p2a: Gengar|Lum Berry|[eat]',
    '|-status|p1a: Pikachu|psn|[from] ability: Synchronize|[of] p2a: Gengar',
    '|-sidestart|p2: p2|Reflect',
    '|faint|p1a: Pikachu',
  ])  # fmt: skip
  vaporeon, gengar, starmie = seen.seen
  assert (vaporeon.moves, vaporeon.item) == (['surf'], 'leftovers')
  assert vaporeon.ability == 'waterabsorb' and not vaporeon.used
  assert gengar.moves == ['metronome'] and gengar.ability == 'synchronize'
  assert gengar.item == 'lumberry' and gengar.used
  assert not starmie.shown and gengar.shown
  assert seen.last == ['thunderbolt', 'surf']
  assert seen.events == {
    'knock_outs': 1, 'losses': 1, 'super_effective': 1,
    'hit_super_effective': 1,
  }  # fmt: skip
  assert identifier("King's Rock") == 'kingsrock'


@pytest.mark.slow
def test_a_thousand_rounds_stay_within_the_mask():
  # Whole rounds from each of the first eight; a refused choice is an error.
  rng, rounds, steps = np.random.default_rng(0), 0, 0
  for first in range(1, 9):
    env = make(round=first, foe='random', seed=first)
    obs, battles = env.step(RESET), 0
    while rounds < 125 * first:
      obs = act(env, obs, rng)
      steps += 1
      battles = battles + abs(int(obs['reward']))
      if obs['is_last'] or obs['log/streak'] % rules.BATTLES == 0:
        rounds += battles > 0
        battles = 0
      assert obs['log/engine_failures'] == 0
  assert rounds == 1000 and steps > 10_000
