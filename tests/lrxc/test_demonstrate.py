"""What an agent does, as data."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

import embodied
from embodied.experts import make_expert
from ponderdream import demonstrate, evaluate, factories, train
from ponderdream.lrxc import audit, cli, collect, data
from ponderdream.tokenizer import Tokenizer
from tests.naming import says

ROOT = pathlib.Path(__file__).parents[2]


def run(*argv):
  return cli.main([str(x) for x in argv], demonstrate.demonstrate)


@pytest.fixture
def logdir(tmp_path, monkeypatch):
  """A run whose agent acts at random, so that none is compiled."""
  configs = ['--configs', 'ladder', 'debug', '--run.parallel', 'False']
  folder = tmp_path / 'run'
  config = train.configure([*configs, '--logdir', str(folder)])
  folder.mkdir()
  config.save(folder / 'config.yaml')

  def restore(driver, config, options):
    spaces = driver.obs_space, driver.act_space
    return 7, embodied.RandomAgent(*spaces, seed=0)

  monkeypatch.setattr(evaluate, 'restore', restore)
  return folder


def test_an_agents_episodes_become_data(logdir, tmp_path, capsys):
  out = tmp_path / 'data'
  argv = ['collect', '--policy', logdir, '--out', out, '--workers', 3]
  assert run(*argv, '--episodes', 10) == 0
  assert says(capsys.readouterr().out, 10, out)
  assert list(audit.problems(out)) == []
  first = data.Data(out)
  assert sorted(x.episode_id for x in first.rows) == [
    f'policy-{i:06}' for i in range(10)
  ]
  assert sorted(first.fields) == ['lane', 'prize', 'rungs']
  for number in range(10):
    episode, steps = first.episode(number), first.steps(number)
    assert episode.source.kind == 'policy' and first.nodes(number) == []
    # One action per three rows, the first of which chooses the lane.
    rows = int((steps['rungs'][0] > 0).sum())
    assert episode.n_steps == 1 + -(-rows // 3)
    assert steps['lane'][1:].max(initial=0) < 4 == steps['lane'][0]
    assert steps['terminated'].tolist() == [False] * (len(steps['lane']) - 1) \
        + [True]  # fmt: skip
    assert steps['action'][-1] == -1 and (steps['action'][:-1] >= 0).all()
    assert episode.return_ == steps['reward'].sum()
  # The same command goes on, in worlds that were not seen before.
  assert run(*argv, '--episodes', 14) == 0
  second = data.Data(out)
  assert len(second) == 14 and list(audit.problems(out)) == []
  worlds = [second.steps(x)['rungs'][0].tobytes() for x in range(14)]
  # With the numbers of the first environments these would be the same.
  assert set(worlds[10:]) - set(worlds[:10])
  assert run(*argv, '--episodes', 14) == 0
  assert len(data.Data(out)) == 14


TEXTS = ['climb', 'find a rung', 'move up', '']
# What is said at levels 1 to 3, as rows of TEXTS, and the level of the halt.
SPEECH = [([1, 2, 1], 2), ([1, 2, 1], 1), ([1, 3, 2], 3), ([3, 2, 2], 3)]


class Speaker(embodied.RandomAgent):
  """Says the rows of SPEECH, one after the other in each environment."""

  def __init__(self, *args, pieces, **kwargs):
    super().__init__(*args, **kwargs)
    self.pieces = pieces

  def policy(self, carry, obs, mode='train'):
    ages = np.where(obs['is_first'], 0, carry if carry else 0)
    _, acts, outs = super().policy((), obs, mode)
    rows = [SPEECH[x % len(SPEECH)] for x in ages]
    outs = outs | {
      'think/said': np.stack([self.pieces[x] for x, _ in rows]),
      'log/ponder_steps': np.array([x for _, x in rows], np.float32),
    }
    return [x + 1 for x in ages], acts, outs


def test_what_an_agent_says_becomes_a_plan(logdir, tmp_path, monkeypatch):
  config = embodied.Config.load(logdir / 'config.yaml')
  words = Tokenizer.train(TEXTS[:3], 8)
  words.save(logdir / 'tokenizer.json')
  pieces = words.encode(TEXTS)
  config.update(
    {'ponder.mode': 'pondernet', 'goalenc.kind': 'text', 'goal': TEXTS[0],
     'text.length': 8, 'inner.feedback': 'goal', 'env.ladder.rows': 24}
  ).save(logdir / 'config.yaml')  # fmt: skip

  def restore(driver, config, options):
    assert options.video  # so that it speaks
    spaces = driver.obs_space, driver.act_space
    return 7, Speaker(*spaces, seed=0, pieces=pieces)

  monkeypatch.setattr(evaluate, 'restore', restore)
  out = tmp_path / 'data'
  assert run('collect', '--policy', logdir, '--out', out, '--episodes', 4) == 0
  assert list(audit.problems(out)) == []
  found = data.Data(out)
  assert found.rows[0].goal == 'climb'
  deepest = 0
  for number in range(4):
    count = found.episode(number).n_steps - 1
    nodes = found.nodes(number)
    stack = lambda t, nodes=nodes: [
      x.text for x in sorted(nodes, key=lambda x: x.level) if x.t0 <= t < x.t1
    ]
    # An empty text ends what is said at a step.
    want = [['climb', 'find a rung', 'move up'], ['climb', 'find a rung'],
            ['climb', 'find a rung'], ['climb']]  # fmt: skip
    for t in range(count):
      assert stack(t) == want[t % 4], (number, t)
    assert {x.status for x in nodes} == {'unknown'}
    # One that stays in force is one node.
    assert sum(x.text == 'climb' for x in nodes) == 1
    deepest = max(deepest, count)
  assert deepest > 3


def test_what_an_agent_cannot_be_told(logdir, tmp_path, capsys):
  argv = ['collect', '--policy', logdir, '--out', tmp_path / 'x']
  for more, words in (
    (['--expert', 'crafter'], ['crafter_reward', 'ladder_mixed']),
    (['--variant', 'asked'], ['--variant', 'experts']),
    (['--noise', 0.5], ['--noise', 'experts']),
    (['--length', 5], ['--length', 'experts']),
  ):
    assert run(*argv, *more) == 2
    assert says(capsys.readouterr().err, *words)
  assert run('collect', '--policy', tmp_path, '--out', tmp_path / 'x') == 2
  assert says(capsys.readouterr().err, tmp_path, 'run')
  assert not (tmp_path / 'x').exists()


def test_actions_that_are_no_number_are_refused(logdir, tmp_path):
  config = embodied.Config.load(logdir / 'config.yaml')
  config.update({'task': 'dummy_cont'}).save(logdir / 'config.yaml')
  out = tmp_path / 'data'
  assert run('collect', '--policy', logdir, '--out', out) == 2
  assert np.size(list(out.glob('*/*'))) == 0


def test_an_expert_says_what_it_would_do_while_an_agent_plays(
  tmp_path, monkeypatch
):
  folder, out = tmp_path / 'run', tmp_path / 'data'
  flags = ['--configs', 'sokoban', 'debug', '--run.parallel', 'False']
  flags += ['--env.sokoban.length', '20']
  config = train.configure([*flags, '--logdir', str(folder)])
  folder.mkdir()
  config.save(folder / 'config.yaml')
  monkeypatch.setattr(
    evaluate,
    'restore',
    lambda driver, config, options: (
      7, embodied.RandomAgent(driver.obs_space, driver.act_space, seed=0)
    ),
  )  # fmt: skip
  argv = ['collect', '--policy', folder, '--expert', 'sokoban', '--out', out]
  assert run(*argv, '--episodes', 3, '--workers', 1) == 0
  assert list(audit.problems(out)) == []
  found = data.Data(out)
  # The same episodes again, with an expert of our own.
  env = factories.env_maker(config)(demonstrate.FIRST)
  differ = 0
  for number in range(3):
    steps = found.steps(number)
    expert = make_expert('sokoban')
    expert.reset(demonstrate.FIRST * collect.SEEDS + number)
    obs = env.step({'action': np.int32(0), 'reset': np.bool_(True)})
    for t, action in enumerate(steps['action'][:-1]):
      for key in found.fields:
        np.testing.assert_array_equal(steps[key][t], obs[key])
      expert.act(env)
      assert steps['intended'][t] == expert.intended
      differ += action != expert.intended
      obs = env.step({'action': action, 'reset': np.bool_(False)})
    assert obs['is_last'] and steps['intended'][-1] == -1
    wanted = expert.nodes(len(steps['action']) - 1)
    assert [x.text for x in found.nodes(number)] == [x['text'] for x in wanted]
    above = {x.parent_id for x in found.nodes(number)}
    for node in found.nodes(number):
      assert (node.status == 'unknown') == (node.node_id not in above)
    source = found.episode(number).source
    assert (source.kind, source.extractor) == ('policy', 'sokoban')
  assert differ > 20
  # Another expert, or none, is another data set.
  assert run(*argv[:3], '--out', out, '--episodes', 4) == 2
  other = [*argv[:3], '--expert', 'crafter', '--out', tmp_path / 'x']
  assert run(*other) == 2


@pytest.mark.slow
def test_the_real_command_records_a_trained_agent(tmp_path):
  python = lambda *argv: subprocess.run(
    [sys.executable, '-m', *map(str, argv)],
    cwd=ROOT, capture_output=True, text=True, check=True,
  ).stdout  # fmt: skip
  run, out = tmp_path / 'run', tmp_path / 'data'
  blocks = ('--configs', 'dummy', 'pondernet', 'debug', '--run.steps', 60)
  python('ponderdream.train', *blocks, '--logdir', run)
  collect = ('ponderdream.lrxc', 'collect', '--policy', run, '--out', out)
  assert says(python(*collect, '--episodes', 3, '--workers', 2), 3, out)
  assert says(python('ponderdream.lrxc', 'validate', out), 3, 'valid')
