"""An expert that says what it would do while somebody else plays."""

from collections import deque
from typing import Any

import numpy as np

from embodied.base import Env, Obs, Spaces
from embodied.experts import Expert
from embodied.space import Space
from embodied.wrappers import Wrapper


class Advised(Wrapper):
  """Adds the observation `intended`: the action that an expert would choose
  now, -1 at the end of an episode.

  What a learner does in states of its own making is thus told to it (DAgger,
  Ross et al. 2011, arXiv 1011.0686).

  Args:
    env: plays `expert.task`.
    expert: advises in this environment alone.
    seed: of the expert's choices.

  Attributes:
    plans: the expert's nodes of the episodes that ended, oldest first. Whoever
      reads them removes them.
  """

  def __init__(self, env: Env, expert: Expert, seed: int) -> None:
    super().__init__(env)
    self.plans: deque[list[dict[str, Any]]] = deque()
    self._expert, self._seed = expert, seed
    self._steps = 0

  @property
  def obs_space(self) -> Spaces:
    return {**self.env.obs_space, 'intended': Space(np.int32, role='hidden')}

  def step(self, action: dict[str, Any]) -> Obs:
    obs = self.env.step(action)
    if obs['is_first']:
      self._expert.reset(self._seed)
      self._seed, self._steps = self._seed + 1, 0
    intended = -1
    if obs['is_last']:
      self.plans.append(self._expert.nodes(self._steps))
    else:
      self._expert.act(self.env)
      intended, self._steps = self._expert.intended, self._steps + 1
    return {**obs, 'intended': np.int32(intended)}
