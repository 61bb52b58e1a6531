"""Texts of a run as numbers of pieces: its tokenizer, and its sources."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embodied import envs
from embodied.config import Config
from embodied.envs import several
from embodied.errors import UsageError
from embodied.sources import Batch, Source
from ponderdream import tokenizer
from ponderdream.lrxc.data import Data
from ponderdream.lrxc.windows import POINTERS, TEXTS
from ponderdream.tokenizer import Tokenizer

FILE = 'tokenizer.json'


class Tokenized:
  """A source whose `shared/texts` are rows of pieces, int32 `[U, L]`.

  Args:
    source: with `shared/texts`, str `[U']`, and integers that point into it.
    words: turns texts into pieces.
    most: U. Of a batch with more texts, those that come last are left out, and
      nothing points to them.
  """

  def __init__(
    self,
    source: Source,
    words: Tokenizer,
    most: int,
  ) -> None:
    self._source, self._words, self._most = source, words, most
    self._rows: dict[str, NDArray[np.int32]] = {}
    self._left = 0

  def __len__(self) -> int:
    return len(self._source)

  def sample(self, amount: int, fresh: bool = True) -> Batch:
    batch = self._source.sample(amount, fresh)
    texts = [str(x) for x in batch[TEXTS]]
    self._left += max(0, len(texts) - self._most)
    rows = np.zeros((self._most, self._words.length), np.int32)
    for row, text in zip(rows, texts, strict=False):
      row[:] = self._encoded(text)
    few = {k: np.where(batch[k] < self._most, batch[k], -1) for k in POINTERS}
    return batch | few | {TEXTS: rows}

  def update(
    self, stepid: NDArray[np.int64], values: Mapping[str, NDArray[Any]]
  ) -> None:
    self._source.update(stepid, values)

  def seek(self, batches: int) -> None:
    self._source.seek(batches)

  def stats(self) -> dict[str, float]:
    return self._source.stats() | {'texts_left_out': self._left}

  def close(self) -> None:
    self._source.close()

  def _encoded(self, text: str) -> NDArray[np.int32]:
    if text not in self._rows:
      self._rows[text] = self._words.encode([text])[0]
    return self._rows[text]


def needed(config: Config) -> bool:
  """Whether the goals of an agent are texts."""
  return config.ponder.mode != 'none' and config.goalenc.kind == 'text'


def prepare(config: Config, folders: list[pathlib.Path]) -> None:
  """Writes the tokenizer of a run into its logdir, if it has none: that of
  `init_from`, or one for the goal of the run and the texts of data sets.

  Raises:
    UsageError: no goal of the run is known, or `init_from` has no tokenizer.
  """
  path = pathlib.Path(config.logdir) / FILE
  if not needed(config) or path.exists():
    return
  wanted = {x[0] for x in goals(config)}
  if config.init_from:
    load(config, config.init_from).save(path)
    return
  texts = {x for folder in folders for x in Data(folder).texts()}
  Tokenizer.train(wanted | texts, config.text.length).save(path)


def load(config: Config, logdir: str) -> Tokenizer:
  """The tokenizer of a run. Raises UsageError if it has none."""
  path = pathlib.Path(logdir).expanduser() / FILE
  return tokenizer.load(path, config.text.length)


def task(config: Config) -> NDArray[np.int32] | None:
  """The goals that a run may be asked for in pieces `[n, L]`, those of each
  world one after another; None if its goals are not texts.

  Raises:
    UsageError: the goal or the tokenizer is not known.
  """
  if not needed(config):
    return None
  return load(config, config.logdir).encode(
    [x for own in goals(config) for x in own]
  )


def asked(config: Config, goal: str) -> Config:
  """The configuration of a run whose agent is asked for another goal, or for
  its own if `goal` is empty. Raises UsageError if its goals are no texts."""
  if goal and not needed(config):
    raise UsageError(
      f'The goals of this agent are no texts, so it cannot be asked for'
      f" '{goal}'; leave the goal out."
    )
  return config.update({'goal': goal}) if goal else config


def decoder(
  config: Config,
) -> Callable[[NDArray[np.int32]], list[str]] | None:
  """Turns pieces `[N, L]` into texts; None if goals are not texts."""
  return load(config, config.logdir).decode if needed(config) else None


def goals(config: Config) -> list[list[str]]:
  """What a run may be asked for in each of its worlds: what is `wanted` there,
  and then the others that the environment names, if `run.ask` is not 0. Empty
  if goals are not texts. Raises UsageError as `wanted`."""
  tasks = several.tasks(config.task)
  if not needed(config):
    return [[] for _ in tasks]
  others = lambda task: envs.goals(task)[1:] if config.run.ask else ()
  return [[wanted(config, x), *others(x)] for x in tasks]


def wanted(config: Config, task: str) -> str:
  """The goal of a run in one of its worlds: the setting `goal`, or the first
  one that the environment names. Raises UsageError if there is none."""
  goals = [config.goal] if config.goal else envs.goals(task)
  if not goals:
    raise UsageError(
      f"The environment of '{task}' does not say in words what is wanted; say"
      ' it by --goal.'
    )
  return goals[0]
