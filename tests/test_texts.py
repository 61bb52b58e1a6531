"""Goals in words: pieces of a batch, the tokenizer, what is refused."""

import json
import subprocess
import sys
import types

import numpy as np
import pytest

import ponderdream
from embodied.errors import UsageError
from ponderdream import datasets, factories, settings, texts
from ponderdream.agent import Acting
from ponderdream.lrxc import store
from ponderdream.lrxc.schema import Episode, Node
from ponderdream.tokenizer import Tokenizer
from tests.naming import naming, says

WORDS = ('--configs', 'dummy', 'pondernet', 'debug', 'words', 'phase1')


class Given:
  """A source that gives one batch."""

  def __init__(self, batch):
    self.batch = batch

  def sample(self, amount, fresh=True):
    return dict(self.batch)

  def stats(self):
    return {'steps': 7}


def test_texts_become_rows_of_pieces():
  words = Tokenizer.train(['make a table', 'eat a cow'], 12)
  batch = {
    'shared/texts': np.array(['eat a cow', 'make a table', 'eat']),
    'goal': np.array([[1, -1]]), 'stack': np.array([[[0, 2], [-1, -1]]]),
    'reward': np.zeros(2),
  }  # fmt: skip
  source = texts.Tokenized(Given(batch), words, 5)
  found = source.sample(1)
  rows = found['shared/texts']
  assert rows.shape == (5, 12) and rows.dtype == np.int32
  assert words.decode(rows) == ['eat a cow', 'make a table', 'eat', '', '']
  assert not rows[3:].any()
  for key in ('goal', 'stack', 'reward'):
    np.testing.assert_array_equal(found[key], batch[key])
  assert source.stats() == {'steps': 7, 'texts_left_out': 0}
  # With room for two, the third one is nobody's goal any more.
  source = texts.Tokenized(Given(batch), words, 2)
  found = source.sample(1)
  assert found['stack'].tolist() == [[[0, -1], [-1, -1]]]
  assert found['goal'].tolist() == [[1, -1]]
  assert source.stats()['texts_left_out'] == 1


def parsed(tmp_path, names=WORDS[1:], **flags):
  flags = {k: v if isinstance(v, list) else [str(v)] for k, v in flags.items()}
  return settings.parse(names, flags | {'logdir': [str(tmp_path)]}, ())


@pytest.fixture(scope='module')
def plans(tmp_path_factory):
  """A data set of the dummy task: what to do follows from the vector."""
  folder = tmp_path_factory.mktemp('plans')
  write_plans(folder)
  return folder


def write_plans(
  folder, task='dummy_disc', episodes=4, length=40, depth=2, actions=5
):
  """Episodes of random actions, with plans of some levels below the goal."""
  from embodied import envs

  rng = np.random.default_rng(0)
  recordings = []
  for number in range(episodes):
    env = envs.make_env(task, number, seed=0, length=length)
    seen, done = [], []
    action = {'reset': True, 'action': np.int32(0)}
    for _ in range(length):
      seen.append(env.step(action))
      done.append(int(rng.integers(actions)))
      action = {'reset': False, 'action': np.int32(done[-1])}
    name = f'{task}-{number}'
    recordings.append(recording(name, task, env, seen, done, depth))
  store.write(folder, recordings)


def recording(name, task, env, seen, done, depth):
  length = len(seen)
  spans = [(0, None, 'reach the end', 0, length)]
  spans += [(n, n - 1, f'part {n}', 0, length) for n in range(1, depth)]
  nodes = [
    Node(episode_id=name, node_id=i, parent_id=parent, level=i, text=text,
         t0=t0, t1=t1, source='scripted')
    for i, parent, text, t0, t1 in spans
  ]  # fmt: skip
  nodes += [
    Node(episode_id=name, node_id=depth + t, parent_id=depth - 1, level=depth,
         text=f'press {x}', t0=t, t1=t + 1, source='scripted',
         status='achieved')
    for t, x in enumerate(done)
  ]  # fmt: skip
  keys = [
    k for k, v in env.obs_space.items()
    if v.role != 'hidden' and not k.startswith('log/')
  ]  # fmt: skip
  episode = Episode(
    episode_id=name, schema_version=1, env_id=task,
    goal='reach the end', source={'kind': 'expert'}, n_steps=length,
    clock='step', has_actions=True, has_rewards=True,
    has_images='image' in keys,
    quality={'p_good': 1.0, 'method': 'by hand'},
  )  # fmt: skip
  steps = {k: np.stack([x[k] for x in seen]) for k in keys}
  steps |= {
    'action': np.array(done, np.int32), 'action_text': [None] * length,
    'reward': np.array([x['reward'] for x in seen], np.float32),
    'terminated': np.array([bool(x['is_terminal']) for x in seen]),
    'truncated': np.array([
      bool(x['is_last'] & ~x['is_terminal']) for x in seen
    ]),
  }  # fmt: skip
  return store.Recording(episode, nodes, steps)


def test_the_tokenizer_of_a_run(plans, tmp_path):
  config = parsed(tmp_path, goal='reach the end', data=[str(plans)])
  with pytest.raises(UsageError, match=naming(texts.FILE)):
    texts.task(config)
  texts.prepare(config, [plans])
  words = texts.load(config, str(tmp_path))
  each = ['reach the end', 'part 1', 'press 3']
  assert words.decode(words.encode(each)) == each
  assert (words.encode(['press 3'])[0] > 0).sum() <= 4  # pieces, not bytes
  assert words.decode(texts.task(config)) == ['reach the end']
  # It is kept, and a run that starts from this one takes it over.
  content = (tmp_path / texts.FILE).read_bytes()
  texts.prepare(config, [])
  assert (tmp_path / texts.FILE).read_bytes() == content
  other = tmp_path / 'other'
  other.mkdir()
  config = parsed(other, goal='win', data=['x'], init_from=str(tmp_path))
  texts.prepare(config, [])
  assert (other / texts.FILE).read_bytes() == content
  config = parsed(other, goal='win', data=['x'], init_from=str(plans))
  (other / texts.FILE).unlink()
  with pytest.raises(UsageError, match=naming(str(plans), 'tokenizer')):
    texts.prepare(config, [])


def test_what_is_wanted(tmp_path):
  wanted = lambda **kwargs: texts.wanted(
    config := parsed(tmp_path, data=['x'], **kwargs), config.task
  )
  assert wanted(goal='win') == 'win'
  assert 'survive' in wanted(task='crafter_reward')
  with pytest.raises(UsageError, match=naming('dummy_disc', '--goal')):
    wanted()
  # Goals that are no texts have no words.
  assert texts.task(parsed(tmp_path, ['dummy', 'pondernet', 'debug'])) is None


def make(config, folder):
  texts.prepare(config, [folder])
  return datasets.make(config, factories.make_spaces(config), {})


def test_windows_of_plans_reach_the_agent(plans, tmp_path):
  config = parsed(tmp_path, goal='win', data=[str(plans)])
  source = make(config, plans)
  batch = source.sample(config.batch.size)
  assert batch['shared/texts'].shape == (256, 24)
  assert batch['stack'].shape == (4, 9, 2)
  words = texts.load(config, str(tmp_path))
  said = words.decode(batch['shared/texts'])
  for goal, stack, action in zip(
    batch['goal'].ravel(), batch['stack'].reshape((-1, 2)),
    batch['action'].ravel(), strict=True,
  ):  # fmt: skip
    want = ['reach the end', 'part 1', f'press {action}']
    assert [said[goal], *(said[x] for x in stack)] == want


def test_several_data_sets_reach_the_agent(plans, tmp_path):
  deeper = tmp_path / 'deeper'
  write_plans(deeper, depth=3)
  config = parsed(
    tmp_path / 'run', goal='win', data=[f'{plans}=1', f'{deeper}=3']
  )
  (tmp_path / 'run').mkdir()
  spaces = factories.make_spaces(config)
  batch = datasets.make(config, spaces, {}).sample(8)
  assert batch['shared/texts'].shape == (256, 24)
  deep = (batch['stack'][..., 2] >= 0).all(1)
  assert batch['stack'].shape[-1] == 3 and deep.tolist().count(True) == 6


def test_what_does_not_fit_is_refused(plans, tmp_path):
  data = {'goal': 'win', 'data': [str(plans)]}
  cases = {
    ('ponder.max_steps', 1, 2): {'ponder.max_steps': 1},
    ('loss_scales.say', 'plans'): {'data': [str(tmp_path)]},
    ('lane', str(plans)): {'task': 'ladder_mixed'},
  }
  for words, flags in cases.items():
    with pytest.raises(UsageError, match=naming(*words)):
      make(parsed(tmp_path, **data | flags), plans)


@pytest.mark.parametrize(
  'flags, words',
  [
    ({'inner.feedback': 'none'}, ('inner.feedback', 'goal')),
    ({'ponder.mode': 'act'}, ('ponder.mode', 'pondernet')),
    ({'goalenc.kind': 'table'}, ('goalenc.kind', 'text')),
    ({'goalenc.heads': 3}, ('goalenc.units', 8, 3)),
    ({'imitation.force': 1.5}, ('imitation.force', 1.5)),
  ],
)
def test_settings_without_sense(flags, words, tmp_path):
  with pytest.raises(UsageError, match=naming(*words)):
    parsed(tmp_path, data=['x'], **flags)


@pytest.mark.slow
def test_the_command_learns_resumes_and_is_evaluated(plans, tmp_path):
  logdir = tmp_path / 'run'
  args = [*WORDS, '--data', plans, '--goal', 'reach the end']
  args += ['--logdir', logdir]

  def call(module, *more):
    command = [sys.executable, '-m', f'ponderdream.{module}', *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout + done.stderr

  call('train', *args, '--run.steps', 30)
  assert says(call('train', *args, '--run.steps', 60), 'resum*', 30)
  lines = (logdir / 'metrics.jsonl').read_text().splitlines()
  losses = [
    x['train/loss/say']
    for x in map(json.loads, lines)
    if 'train/loss/say' in x
  ]
  assert losses[-1] < losses[0]
  call('evaluate', '--logdir', logdir, '--episodes', 1, '--video')
  policy = ponderdream.load(
    str(logdir), acting=Acting(aloud=True), goal='part 1'
  )
  env = ponderdream.make_env('dummy_disc')
  policy(env.step({'reset': True, 'action': np.int32(0)}))
  words = policy.thoughts['words']
  assert 1 <= len(words) <= 4
  assert all(isinstance(x, str) and 0 <= p <= 1 for x, p in words)
  assert types.SimpleNamespace(**json.loads(
    (logdir / 'eval' / '60.json').read_text()
  )).ponder_steps_mean >= 1  # fmt: skip


def test_another_goal_is_asked_for(tmp_path):
  config = parsed(tmp_path, data=['x'], goal='win')
  assert texts.goals(texts.asked(config, 'lose')) == [['lose']]
  assert texts.asked(config, '') is config
  mute = parsed(tmp_path, ['dummy', 'pondernet', 'debug'])
  with pytest.raises(UsageError, match=naming('lose')):
    texts.asked(mute, 'lose')
