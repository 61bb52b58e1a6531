"""The range of every number of `configs.yaml`.

An argument `env.NAME.*` may be without one, if the class of the environment
raises UsageError itself for what it cannot take.

The first regular expression that matches a key in full counts. Both ends are
allowed. Ends that no mathematics asks for are far beyond what fits a machine;
they catch slips of a finger.
"""

import functools
import re

from embodied.config import Config
from embodied.errors import UsageError

# Numbers just inside of an open end.
TINY, BELOW_ONE = 1e-6, 0.9999999
SHARE = (0.0, 1.0)
RANGES = {
  'seed': (0, 2**31 - 1),
  r'run\.steps': (1, 10**15),
  r'run\.envs': (1, 4096),
  r'run\.timeout': (0.001, 1e9),
  r'run\.train_ratio': (0.0, 1e6),
  r'run\.ask': SHARE,
  r'run\.(log|report|save)_every': (0.0, 1e9),
  r'run\.keep': (1, 10**4),
  r'env\.battlefactory\.round': (0, 100),
  r'env\.battlefactory\.turns': (1, 10**6),
  r'env\.battlefactory\.shaped': (-1e3, 1e3),
  r'env\.battlefactory\.text': (0, 4096),
  r'env\.gymnasium\.size': (0, 4096),
  r'env\.gymnasium\.repeat': (1, 1000),
  r'env\.gymnasium\.length': (0, 10**9),
  r'env\.gymnasium\.text': (1, 4096),
  r'env\.ladder\.rows': (1, 100),
  r'env\.ladder\.lanes': (2, 100),
  r'env\.sokoban\.size': (5, 8),
  r'env\.sokoban\.boxes': (1, 3),
  r'env\..*\.length': (1, 10**9),
  r'replay\.capacity': (1, 10**12),
  r'replay\.chunk': (1, 10**7),
  r'replay\.priority': SHARE,
  r'batch\.size': (1, 10**5),
  r'batch\.length': (2, 10**5),
  r'jax\.num_processes': (0, 10**5),
  r'jax\.process_id': (-1, 10**5),
  # At a share of 1 a network has no say.
  r'.*\.unimix': (0.0, 0.999),
  r'.*\.outscale': (0.0, 1e3),
  r'.*\.units': (1, 2**15),
  r'dyn\.(dyn|img|obs)layers': (1, 32),
  r'.*\.layers': (0, 32),
  r'.*\.depth': (1, 2048),
  r'.*\.mults': (1, 64),
  r'.*\.kernel': (1, 31),
  r'.*\.patch': (1, 4096),
  r'.*\.blocks': (1, 1024),
  r'.*\.bins': (1, 10**4),
  r'enc\.codes': (2, 2**16),
  r'dyn\.(deter|hidden)': (1, 2**17),
  r'dyn\.stoch': (1, 1024),
  r'dyn\.classes': (2, 256),
  r'.*\.heads': (1, 1024),
  r'text\.length': (2, 4096),
  r'text\.most': (1, 10**6),
  r'leash\.delta': (0.0, 1e6),
  r'imitation\.nodes': (1, 10**6),
  r'imitation\.temperature': (1e-3, 1e3),
  r'imitation\.(ask|force|by_goal)': SHARE,
  r'imitation\.fade': (1, 10**9),
  r'ponder\.(max_steps|branch_length)': (1, 1000),
  r'ponder\.eps': (TINY, 0.999),
  r'ponder\.prior': (0.001, 0.999),
  r'ponder\.kl': (0.0, 1e3),
  r'ponder\.(beta|cost)': (0.0, 1e6),
  r'loss_scales\..*': (0.0, 1e6),
  r'loss\.free_nats': (0.0, 1e3),
  r'loss\.horizon': (1, 10**9),
  r'imag\.length': (1, 1000),
  r'imag\.last': (0, 10**5),
  r'(imag|ppo)\.lam': SHARE,
  # A critic without a slow copy has nothing to be regularised by.
  r'slow\.val': (1e-9, 1.0),
  # Other parts may be without one.
  r'slow\..*': SHARE,
  r'(imag|ppo)\.entropy': (0.0, 100.0),
  r'imag\.slowreg': (0.0, 1e3),
  # A share of variance; below 0 is worse than the mean.
  r'imag\.earned': (-1e9, 1.0),
  r'retnorm\.rate': SHARE,
  r'retnorm\.limit': (1e-8, 1e8),
  r'ppo\.(length|batch)': (1, 10**5),
  r'ppo\.epochs': (1, 1000),
  r'ppo\.early\.epochs': (0, 1000),
  r'ppo\.early\.steps': (1, 1e12),
  r'ppo\.(clip|kl)': (TINY, 1e3),
  r'ppo\.value': (0.0, 1e6),
  # A run that diverges ends with a sentence of its own.
  r'(ppo\.)?opt\.lr': (0.0, 1e38),
  r'(ppo\.)?opt\.(warmup|decay)': (0, 10**9),
  r'(ppo\.)?opt\.final': (0.0, 1.0),
  r'(ppo\.)?opt\.(agc|pmin)': (1e-9, 1e6),
  r'(ppo\.)?opt\.beta[12]': (0.0, BELOW_ONE),
  r'(ppo\.)?opt\.eps': (1e-30, 1.0),
}


def check(config: Config) -> None:
  """Raises UsageError for a number out of its range."""
  for key, value in config.flat.items():
    found = bounds(key)
    if found is None:
      continue
    low, high = found
    for x in value if isinstance(value, tuple) else (value,):
      if not low <= x <= high:
        raise UsageError(
          f'{key} is {x}; choose a number from {low} to {high}.'
        )


@functools.cache
def bounds(key: str) -> tuple[float, float] | None:
  """Lowest and highest value of a setting; None for texts and switches."""
  rows = (v for k, v in RANGES.items() if re.fullmatch(k, key))
  return next(rows, None)
