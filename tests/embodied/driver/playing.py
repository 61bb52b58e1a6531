"""Policies and environments for tests of the driver."""

import functools

import numpy as np

from embodied import envs


def idle(carry, obs):
  return carry, {'action': np.zeros(len(obs['is_first']), np.int32)}, {}


def record(driver):
  """A list of transitions per worker, filled while the driver steps."""
  steps = [[] for _ in range(len(driver))]
  driver.on_step(lambda step, worker: steps[worker].append(step))
  return steps


def count_env(length):
  return functools.partial(
    envs.make_env, 'dummy_count', 0, seed=0, length=length
  )
