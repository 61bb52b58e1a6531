"""The experiments: their tasks, a little learning, their files."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import embodied
from embodied.envs import make_env
from embodied.errors import UsageError
from scripts import cores
from scripts.experiments import bandit, ladder, parity
from tests.naming import naming, says


def test_the_bandit_pays_thinking():
  # 1 - .03 * 4.5, 1 - .03 * 8, 1/4 - .03.
  want = {'oracle': 0.865, 'always 8': 0.76, 'blind': 0.22}
  assert bandit.REFERENCES == pytest.approx(want)
  x = {'m': jnp.array([1, 3]), 'answer': jnp.array([2, 2])}
  params = cores.init(jax.random.key(0), 'gru', 4, 32, 4, 0.2)
  h = jnp.zeros((2, 32))
  for n in range(3):
    h, out, logit = bandit.step(params, x, h, jnp.int32(n))
    # The first sees the answer from level 1 on, the second from level 3.
    first, second = np.asarray(h)
    assert not np.allclose(first, second)
  late = {'m': jnp.array([4, 4]), 'answer': jnp.array([0, 1])}
  h = jnp.zeros((2, 32))
  for n in range(4):
    h, _, _ = bandit.step(params, late, h, jnp.int32(n))
    assert np.allclose(h[0], h[1]) == (n < 3)


@pytest.mark.parametrize('method, low, high', [
  ('levels', 0.7, 0.866),
  ('literal', 0.1, 0.5),
])  # fmt: skip
def test_the_right_credit_learns_and_the_literal_one_does_not(
  method, low, high
):
  (run,) = bandit.train(method, 1, 300)
  assert low < run['J'] < high
  steps = np.array(run['steps'])
  if method == 'levels':
    assert steps[-1] > steps[0] + 2
  else:
    assert steps.max() < 2


def test_parity_vectors():
  setting = parity.Setting(length=9)
  x, odd = parity.draw(jax.random.key(0), setting, 2, 5, 4000)
  assert set(np.unique(x)) == {-1, 0, 1}
  count = np.abs(x).sum(-1)
  np.testing.assert_array_equal(np.unique(count), [2, 3, 4, 5])
  np.testing.assert_array_equal(odd, (np.asarray(x) == 1).sum(-1) % 2)
  # Every entry is as likely as any other to be a one: 3.5 / 9 / 2 = .194,
  # with a deviation of .0063.
  assert np.abs((np.asarray(x) == 1).mean(0) - 0.194).max() < 0.03


def test_parity_writes_what_it_learnt(tmp_path):
  flags = {
    'length': 4, 'trained': 2, 'evaluated': 4, 'width': 8, 'levels': 6,
    'batch': 32, 'updates': 1, 'seeds': 1, 'out': tmp_path / 'a.4',
  }  # fmt: skip
  parity.main([f'--{k}={v}' for k, v in flags.items()])
  found = json.loads((tmp_path / 'a.4.json').read_text())
  assert found['setting']['length'] == 4 and found['setting']['rate'] == 1e-3
  assert [run['method'] for run in found['runs']] == list(parity.METHODS)
  depth = {run['method']: run['levels_trained'] for run in found['runs']}
  assert depth['always 5 steps'] == 5 and depth['always 1 step'] == 1
  for run in found['runs']:
    assert len(run['accuracy']) == len(run['steps']) == 4
    near, far = np.reshape(run['accuracy'], (2, 2)).mean(1)
    assert run['interpolation'] == pytest.approx(near, abs=1e-3)
    assert run['extrapolation'] == pytest.approx(far, abs=1e-3)
  assert (tmp_path / 'a.4.png').stat().st_size > 10_000


def test_act_runs_the_levels_it_is_said_to_run(monkeypatch):
  # Halting weights of 1/2: two levels for ACT, and seven if it had to wait for
  # PonderNet's survival to fall below its eps.
  setting = parity.Setting(length=4)
  params = cores.init(jax.random.key(0), 'rnn', 4, 128, 1, 0.5)
  params['halt'] *= 0
  calls, advance = [], cores.advance

  def counted(*args):
    jax.debug.callback(lambda: calls.append(1))
    return advance(*args)

  monkeypatch.setattr(cores, 'advance', counted)
  answer = cores.act(setting, params, jnp.ones((3, 4)))
  jax.block_until_ready(answer)
  jax.effects_barrier()
  assert len(calls) == 2
  np.testing.assert_array_equal(answer.levels, [2, 2, 2])
  np.testing.assert_array_equal(answer.steps, [2, 2, 2])


@pytest.mark.parametrize('script, flags, words', [
  (parity, ['--trained', '20'], ['--trained', 20, '--evaluated', 12]),
  (parity, ['--prior', '1.5'], ['--prior', "'1.5'", 0, 1]),
  (parity, ['--rate', 'x'], ['--rate', "'x'"]),
  (bandit, ['--seeds', '0'], ['--seeds', "'0'"]),
  (ladder, ['--seeds', '1'], ['--logdir']),
])  # fmt: skip
def test_bad_flags(script, flags, words, capsys):
  with pytest.raises(SystemExit) as stop:
    script.main(flags)
  assert stop.value.code == 2
  assert says(capsys.readouterr().err, *words)


def write_lines(path, *lines):
  path.write_text(''.join(json.dumps(x) + '\n' for x in lines))


def test_chance_on_the_ladder():
  make = functools.partial(make_env, 'ladder_mixed', seed=0)
  driver = embodied.Driver(
    [functools.partial(make, i) for i in range(4)], parallel=False
  )
  agent = embodied.RandomAgent(driver.obs_space, driver.act_space)
  measured = ladder.play(agent, driver, 600)
  driver.close()
  # One of four lanes; 100 episodes deviate by 0.043, 600 by 0.018.
  assert len(measured['success_by_rows']) == 6
  assert measured['success'] == pytest.approx(0.25, abs=0.07)
  assert set(measured['steps_by_rows']) == {0}


def test_success_by_environment_steps(tmp_path):
  row = lambda step, score: {'step': step, 'episode/score': score}
  few = [row(1, 1.0)] * (ladder.ENOUGH - 1)
  enough = [row(ladder.BIN, i % 2) for i in range(ladder.ENOUGH)]
  write_lines(tmp_path / 'scores.jsonl', *few, *enough)
  assert ladder.curve(tmp_path) == {'step': [2 * ladder.BIN], 'success': [0.5]}


def test_a_finished_run_is_not_repeated(tmp_path):
  flags = ['--configs', 'ladder', '--seed', '3', '--run.steps', '50']
  done = {'flags': flags, 'seconds': 7}
  (tmp_path / 'finished.json').write_text(json.dumps(done))
  assert ladder.train(tmp_path, ladder.FLAGS['plain'], 3, 50) == 7
  with pytest.raises(UsageError, match=naming(str(tmp_path), 'run.steps', 50)):
    ladder.train(tmp_path, ladder.FLAGS['plain'], 3, 60)
