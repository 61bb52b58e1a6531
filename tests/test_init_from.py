"""A run that begins with the parameters of another one."""

import jax
import numpy as np
import pytest

from embodied.errors import UsageError
from ponderdream import runs, train
from ponderdream.checkpoint import Checkpoint
from tests.helpers import tiny


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """The logdir of a run, and the agent that was saved there."""
  kit = tiny('pondernet', seed=3)
  logdir = tmp_path_factory.mktemp('trained')
  store = Checkpoint(logdir / 'checkpoints', keep=1)
  store.save(7, kit.agent.save(), {'updates': 0})
  store.close()
  return logdir, kit.agent


@pytest.mark.parametrize('inside', ['', 'checkpoints'])
def test_all_parameters_of_the_same_networks(trained, inside, capsys):
  logdir, other = trained
  agent = tiny('pondernet').agent
  runs.adopt(agent, str(logdir / inside))
  jax.tree.map(
    np.testing.assert_array_equal, agent.state.params, other.state.params
  )
  count = len(jax.tree.leaves(other.state.params))
  out = capsys.readouterr().out
  assert f'{count} of {count}' in out and 'new' not in out


def test_what_does_not_fit_is_named(trained, capsys):
  logdir, other = trained
  agent = tiny().agent  # without a goal model: another action decoder
  before = jax.tree.map(np.asarray, agent.state.params['actdec'])
  runs.adopt(agent, str(logdir))
  np.testing.assert_array_equal(
    agent.state.params['enc']['mlp']['linear0']['kernel'],
    other.state.params['enc']['mlp']['linear0']['kernel'],
  )
  after = agent.state.params['actdec']
  np.testing.assert_array_equal(
    after['mlp']['linear0']['kernel'], before['mlp']['linear0']['kernel']
  )
  out = capsys.readouterr().out
  assert 'actdec/mlp/linear0/kernel' in out and 'enc/' not in out


def test_a_folder_without_a_run_is_refused(tmp_path):
  with pytest.raises(UsageError, match=str(tmp_path)):
    runs.adopt(tiny().agent, str(tmp_path))


def test_the_command_begins_with_them(trained, tmp_path, capsys):
  logdir, other = trained
  code = train.main([
    '--configs', 'dummy', 'pondernet', 'debug', '--run.steps', '8',
    '--run.parallel', 'False', '--env.dummy.length', '6', '--jax.dtype',
    'float32', '--init_from', str(logdir), '--logdir', str(tmp_path),
  ])  # fmt: skip
  assert code == 0
  assert str(logdir) in capsys.readouterr().out
  saved = Checkpoint(tmp_path / 'checkpoints')
  _, state, _ = saved.load(other.save(), 0)
  jax.tree.map(np.testing.assert_array_equal, state.params, other.state.params)
