"""Windows of successive steps of a data set, with the goals in force."""

import functools
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embodied.errors import UsageError
from embodied.sources import SHARED, Batch
from ponderdream.lrxc import tables, trees
from ponderdream.lrxc.data import Data
from ponderdream.lrxc.trees import Spans

# Episodes whose nodes stay in memory.
PLANS = 256
TEXTS = f'{SHARED}texts'
# What points into the texts of a batch.
POINTERS = ('goal', 'stack')
KNOWN = ('action', 'reward', 'terminated', 'truncated')


class Windows:
  """A source of batches, as `embodied.sources.Source`.

  The episodes of a split, one after another, form a circle of steps. A window
  begins at any step, with equal probability, and goes on in the next episode
  where one ends. A share of the windows holds the start of a goal
  of level 1, any one of any episode with equal probability: what is wanted for
  long (to sleep, to wait) would fill most windows otherwise. The k-th batch
  depends on the data, the seed and k alone.

  A batch has, for B windows of T steps:

  * each observation `[B, T, ...]`;
  * `action` int32 `[B, T]`, chosen after the observation, -1 if unknown;
  * `intended` int32 `[B, T]`, the action that was meant, which differs where
    an expert was disturbed;
  * `reward` float32 `[B, T]`, which came with the observation, 0 if unknown,
    and `known/reward` bool `[B, T]`;
  * `is_first`, `is_last`, `is_terminal` bool `[B, T]`; the last stored step
    of an episode counts as its last one;
  * `shared/texts` str `[U]`, the different goals of the batch;
  * `goal` int32 `[B, T]`, what is wanted above all, an index of `texts`: the
    root in force, or else the goal of the episode; -1 if there is none;
  * `stack` int32 `[B, T, K]`, indices of the goals below it, those of level 1
    first, and -1 from where there are none;
  * `remaining` int32 `[B, T, K]`, the number of steps until each of these
    goals is achieved; 0 if it is not, or not in this window;
  * `stepid` int64 `[B, T]`, where the step is on the circle.

  Args:
    folder: a data set.
    length: T.
    split: which episodes.
    seed: numbers of 0 or more.
    by_goal: the share of the windows that begin by a goal.
    levels: K, if it is more than the plans have.

  Raises:
    UsageError: no data set, or one without steps in this split.
  """

  def __init__(
    self,
    folder: str | os.PathLike[str],
    length: int,
    split: str = 'train',
    seed: Sequence[int] = (0,),
    by_goal: float = 0.0,
    levels: int = 1,
  ) -> None:
    self._data = Data(folder)
    self.length = length
    self.levels = max(levels, self._data.levels)
    rows = [i for i, x in enumerate(self._data.rows) if x.split == split]
    self._episodes = [x for x in rows if self._data.rows[x].n_steps]
    sizes = [self._data.rows[x].n_steps for x in self._episodes]
    self._firsts = np.cumsum([0, *sizes])
    if not sizes:
      raise UsageError(
        f"{folder} has no steps in its split '{split}'; collect some, or name"
        ' another split.'
      )
    self._seed, self._by_goal = list(seed), by_goal
    self._drawn = 0
    # A report draws while the next batch of training is prepared, and `Data`
    # is for one thread at a time.
    self._lock = threading.Lock()
    self._plan = functools.lru_cache(PLANS)(self._data.spans)

  @property
  def fields(self) -> tables.Fields:
    """Dtype and shape of what was observed, by key."""
    return self._data.fields

  @property
  def task(self) -> str | None:
    """The environment of its first episode, if that is known."""
    return self._data.episode(self._episodes[0]).env_id

  def __len__(self) -> int:
    return int(self._firsts[-1])

  def sample(self, amount: int, fresh: bool = True) -> Batch:
    with self._lock:
      return self._sample(amount, fresh)

  def _sample(self, amount: int, fresh: bool) -> Batch:
    rng = np.random.default_rng([*self._seed, self._drawn, int(fresh)])
    self._drawn += fresh
    batch, texts = self._empty(amount), dict[str, int]()
    starts = rng.integers(len(self), size=amount)
    for i in np.flatnonzero(rng.random(amount) < self._by_goal):
      starts[i] = self._near_a_goal(rng)
    for row, start in enumerate(starts.tolist()):
      at = 0
      while at < self.length:
        place = (start + at) % len(self)
        at += self._fill(batch, row, at, place, texts)
    batch[TEXTS] = np.array([*texts], np.str_)
    return batch

  def update(
    self, stepid: NDArray[np.int64], values: Mapping[str, NDArray[Any]]
  ) -> None:
    pass

  def seek(self, batches: int) -> None:
    self._drawn = batches

  def stats(self) -> dict[str, float]:
    return {
      'episodes': len(self._episodes),
      'steps': len(self),
      'sampled': self._drawn,
    }

  def close(self) -> None:
    pass

  def _near_a_goal(self, rng: np.random.Generator) -> int:
    """A step of the circle from which a window holds the first step of a
    random goal of level 1 (of any step, if an episode has none)."""
    index = int(rng.integers(len(self._episodes)))
    number, first = self._episodes[index], int(self._firsts[index])
    spans, _ = self._plan(number)
    size = int(self._firsts[index + 1]) - first
    times = self._data.times(number, 0, size)
    begins = spans.t0[spans.level == 1]
    if not len(begins):
      return first + int(rng.integers(size))
    step = int(np.searchsorted(times, rng.choice(begins)))
    step = min(step, size - 1) - int(rng.integers(self.length))
    return (first + step) % len(self)

  def _empty(self, amount: int) -> Batch:
    size = amount, self.length
    flags = ('known/reward', 'is_first', 'is_last', 'is_terminal')
    return {
      **{
        k: np.zeros((*size, *x.shape), x.dtype)
        for k, x in self._data.fields.items()
      },
      'action': np.zeros(size, np.int32),
      tables.INTENDED: np.zeros(size, np.int32),
      'reward': np.zeros(size, np.float32),
      **{k: np.zeros(size, bool) for k in flags},
      'goal': np.full(size, -1, np.int32),
      'stack': np.full((*size, self.levels), -1, np.int32),
      'remaining': np.zeros((*size, self.levels), np.int32),
      'stepid': np.zeros(size, np.int64),
    }

  def _fill(
    self, batch: Batch, row: int, at: int, place: int, texts: dict[str, int]
  ) -> int:
    """Writes steps of one episode, from `place` on the circle, into a row
    from `at` on; returns their number."""
    index = int(np.searchsorted(self._firsts, place, 'right')) - 1
    start = place - int(self._firsts[index])
    size = int(self._firsts[index + 1]) - int(self._firsts[index])
    stop = min(size, start + self.length - at)
    steps = slice(at, at + stop - start)
    view = {k: v[row, steps] for k, v in batch.items()}
    number = self._episodes[index]
    self._observe(view, number, start, stop)
    view['is_first'][0] |= start == 0
    view['is_last'][-1] |= stop == size
    view['stepid'][:] = np.arange(place, place + stop - start)
    self._want(view, number, start, stop, texts)
    return stop - start

  def _observe(self, view: Batch, number: int, start: int, stop: int) -> None:
    """What was seen, done and got in the steps of an episode."""
    names = [*KNOWN, *self._data.fields]
    table = self._data.table(number, start, stop, names)
    for key, field in self._data.fields.items():
      tables.copy_into(view[key], table[key], field)
    reward = table['reward'].to_numpy()
    view['action'][:] = table['action'].to_numpy()
    meant = {*table.column_names} & {tables.INTENDED} or {'action'}
    view[tables.INTENDED][:] = table[meant.pop()].to_numpy()
    view['known/reward'][:] = ~np.isnan(reward)
    view['reward'][:] = np.nan_to_num(reward)
    view['is_terminal'][:] = table['terminated'].to_numpy()

  def _want(
    self,
    view: Batch,
    number: int,
    start: int,
    stop: int,
    texts: dict[str, int],
  ) -> None:
    """The goals in force, as numbers of `texts`, which grow if need be."""
    plan: tuple[Spans, list[str]] = self._plan(number)
    spans, words = plan
    times = self._data.times(number, start, stop)
    nodes = trees.stacks(spans, times, self.levels + 1)
    found = np.full_like(nodes, -1)
    for node in np.unique(nodes[nodes >= 0]):
      text = words[node]
      found[nodes == node] = texts.setdefault(text, len(texts))
    goal = self._data.rows[number].goal
    view['goal'][:] = found[:, 0]
    if goal is not None and (found[:, 0] < 0).any():
      default = texts.setdefault(goal, len(texts))
      view['goal'][found[:, 0] < 0] = default
    view['stack'][:] = found[:, 1:]
    # The first step after the span of each node; 0 where there is none here,
    # and at the end for no node.
    end = np.searchsorted(times, spans.t1)
    end = np.where(spans.achieved & (end < len(times)), end, 0)
    end = np.append(end, 0)[nodes[:, 1:]]
    view['remaining'][:] = (end - np.arange(len(times))[:, None]).clip(0)
