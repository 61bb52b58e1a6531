"""Sources of batches: a replay, a fixed data set, or several of them."""

import os
import sys
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embodied.base import Spaces
from embodied.errors import UsageError
from embodied.replay import Replay

Array = NDArray[Any]
Batch = dict[str, Array]

# Keys with this prefix have no batch axis: all rows share the array, such as a
# table of texts to which integers in each row point.
SHARED = 'shared/'

# The stepids of a Mixture hold the number of the source from this bit on.
SOURCE_BIT = 48


class Source(Protocol):
  """Windows of successive steps that an agent learns from."""

  def __len__(self) -> int:
    """Number of windows that can be sampled now."""
    ...

  def sample(self, amount: int, fresh: bool = True) -> Batch:
    """`amount` windows: key -> `[B, T, ...]`, and `stepid` int64 `[B, T]`.
    Keys that begin with `SHARED` do not have these axes.

    With `fresh` False, the windows are for a report, and the windows that
    training will get do not change."""
    ...

  def update(
    self, stepid: NDArray[np.int64], values: Mapping[str, Array]
  ) -> None:
    """Overwrites values `[B, T, ...]` of sampled steps, by their stepid."""
    ...

  def seek(self, batches: int) -> None:
    """Sets the number of batches that earlier processes of the run drew."""
    ...

  def stats(self) -> dict[str, float]:
    """Numbers to log."""
    ...

  def close(self) -> None:
    """Frees what the source holds."""
    ...


class Fixed:
  """The replay of an earlier run as a read-only data set.

  Windows are drawn uniformly, with replacement. The k-th batch depends only on
  the data, the seed and k, so a resumed run draws the same batches. It ignores
  updates.

  Args:
    directory: of the chunks.
    length: steps of a window.
    keys: of a window. Leave out latents: those of the earlier run's network
      are not valid for another network.
    seed: integers of 0 or more.
    context: keys that are read only for the first step of a window, see
      `Replay`.
  """

  def __init__(
    self,
    directory: str | os.PathLike[str],
    length: int,
    keys: Collection[str],
    seed: Sequence[int],
    context: Collection[str] = (),
  ) -> None:
    self._replay = Replay(
      length,
      sys.maxsize,
      directory,
      selector=self._select,
      context=context,
      read_only=True,
    )
    self.length = length
    self.schema = self._replay.schema
    self._keys = frozenset(keys)
    self._seed = list(seed)
    self._drawn = 0
    self._rng = np.random.default_rng(self._seed)
    self._lock = threading.Lock()

  def __len__(self) -> int:
    return len(self._replay)

  def sample(self, amount: int, fresh: bool = True) -> Batch:
    with self._lock:
      number = [self._drawn, int(fresh)]
      self._rng = np.random.default_rng([*self._seed, *number])
      self._drawn += fresh
      data = self._replay.sample(amount, fresh=False)
    wanted = self._keys | {'stepid'}
    return {k: v for k, v in data.items() if k in wanted}

  def update(
    self, stepid: NDArray[np.int64], values: Mapping[str, Array]
  ) -> None:
    pass

  def seek(self, batches: int) -> None:
    self._drawn = batches

  def stats(self) -> dict[str, float]:
    stats = self._replay.stats()
    names = ('windows', 'steps', 'chunks', 'gigabytes', 'skipped_files')
    return {k: stats[k] for k in (*names, 'sampled')}

  def close(self) -> None:
    self._replay.close()

  def _select(self, windows: int, amount: int) -> NDArray[np.int64]:
    return self._rng.integers(windows, size=amount)


class Mixture:
  """Draws every batch from several sources, with fixed shares.

  The rows of all batches, one after another, are dealt out by their numbers
  alone: of the first r rows, the first source has `floor(p r + 1 / 2)` at a
  share of p; the others are dealt to the other sources likewise. So the shares
  are exact over time, the rows of all sources are spread over a batch, and a
  resumed run deals the same.

  If a source does not have a key, its rows are zeros, and `has/<key>`, bool
  `[B]`, says which rows have the key. The stepids of a batch include the
  number of the source, by which `update` finds it. Batches of a single source
  are not changed.

  Args:
    sources: the source and its share, by name. Shares are relative to their
      sum.

  Raises:
    ValueError: no source, or a share that is not positive.
  """

  def __init__(self, sources: Mapping[str, tuple[Source, float]]) -> None:
    self._names = list(sources)
    self._sources = [source for source, _ in sources.values()]
    shares = np.array([share for _, share in sources.values()], np.float64)
    if not (shares.size and (shares > 0).all()):
      raise ValueError(
        f'The shares of the sources {self._names} are {shares.tolist()}; give'
        ' one source or more, each with a share above 0.'
      )
    self._shares = shares / shares.sum()
    self._drawn = 0
    self._lock = threading.Lock()

  def __len__(self) -> int:
    """Number of windows of all sources; 0 while one of them has none."""
    sizes = [len(x) for x in self._sources]
    return sum(sizes) if all(sizes) else 0

  def sample(self, amount: int, fresh: bool = True) -> Batch:
    """As `Source.sample`, with `has/<key>`. Raises ValueError, naming the key,
    if its dtype or shape differs between sources."""
    if len(self._sources) == 1:
      return self._sources[0].sample(amount, fresh)
    order = self._deal(amount, fresh)
    counts = np.bincount(order, minlength=len(self._sources)).tolist()
    parts = self.unite(
      [
        source.sample(count, fresh)
        for source, count in zip(self._sources, counts, strict=True)
      ]
    )
    batch: Batch = {}
    for key in dict.fromkeys(k for part in parts for k in part):
      if key.startswith(SHARED):
        batch[key] = self._only(key, parts)
        continue
      batch[key] = self._gather(key, parts, order)
      has = np.array([key in part for part in parts])
      if not has.all():
        batch[f'has/{key}'] = has[order]
    batch['stepid'] |= order[:, None] << SOURCE_BIT
    return batch

  def unite(self, parts: list[Batch]) -> list[Batch]:
    """The batches of all sources, of which at most one has a shared key."""
    return parts

  def update(
    self, stepid: NDArray[np.int64], values: Mapping[str, Array]
  ) -> None:
    if len(self._sources) == 1:
      return self._sources[0].update(stepid, values)
    origin = stepid[:, 0] >> SOURCE_BIT
    ids = stepid & ((1 << SOURCE_BIT) - 1)
    for number, source in enumerate(self._sources):
      rows = origin == number
      if rows.any():
        source.update(ids[rows], {k: v[rows] for k, v in values.items()})

  def seek(self, batches: int) -> None:
    self._drawn = batches
    for source in self._sources:
      source.seek(batches)

  def stats(self) -> dict[str, float]:
    """Those of all sources, as `<name>/<key>`."""
    return {
      f'{name}/{k}': v
      for name, source in zip(self._names, self._sources, strict=True)
      for k, v in source.stats().items()
    }

  def close(self) -> None:
    for source in self._sources:
      source.close()

  def _deal(self, amount: int, fresh: bool) -> NDArray[np.int64]:
    """Number of the source of each row, `[amount]`."""
    with self._lock:
      first = self._drawn * amount
      self._drawn += fresh
    order = np.full(amount, len(self._shares) - 1)
    # Rows that are left, and their numbers among all that were left.
    left = np.arange(amount)
    number, rest = first + left, 1.0
    for source, share in enumerate(self._shares[:-1].tolist()):
      dealt, more = (
        np.floor(share / rest * x + 0.5) for x in (number, number + 1)
      )
      mine = more > dealt
      order[left[mine]] = source
      left, number = left[~mine], (number - dealt)[~mine]
      rest -= share
    return order

  def _only(self, key: str, parts: Sequence[Batch]) -> Array:
    """The shared array of the one source that has it."""
    arrays = [part[key] for part in parts if key in part]
    if len(arrays) > 1:
      raise ValueError(
        f"Several of the sources {self._names} have the shared key '{key}';"
        ' rename it in all but one.'
      )
    return arrays[0]

  def _gather(
    self, key: str, parts: Sequence[Batch], order: NDArray[np.int64]
  ) -> Array:
    """The rows of one key, `[B, ...]`; zeros for sources without the key."""
    forms = {
      name: (part[key].dtype, part[key].shape[1:])
      for name, part in zip(self._names, parts, strict=True)
      if key in part
    }
    if len(set(forms.values())) > 1:
      raise ValueError(
        f"The key '{key}' differs between the sources: {forms}; use data with"
        ' the same dtype and shape.'
      )
    dtype, shape = next(iter(forms.values()))
    rows = np.zeros((len(order), *shape), dtype)
    for number, part in enumerate(parts):
      if key in part:
        rows[order == number] = part[key]
    return rows


def check_spaces(name: str, source: Fixed, spaces: Spaces) -> None:
  """Checks that a data set fits the spaces of the task.

  Args:
    name: of the data set, for the message.
    spaces: of a step, by key.

  Raises:
    UsageError: a key is missing, has another dtype or shape, or has values out
      of bounds; or there is no complete window.
  """
  for key, space in spaces.items():
    field = source.schema.get(key)
    if field is None:
      raise UsageError(
        f"The data in {name} has no key '{key}', which the task needs; it has"
        f' {", ".join(sorted(source.schema))}. Give data of the same task.'
      )
    if field != (space.dtype, space.shape):
      raise UsageError(
        f"The key '{key}' is {field.dtype} {field.shape} in the data in {name}"
        f' and {space.dtype} {space.shape} in the task; give data of the same'
        ' task.'
      )
  if not len(source):
    raise UsageError(
      f'The data in {name} has no window of {source.length} successive steps;'
      ' give more data, or a smaller batch.length.'
    )
  data = source.sample(16, fresh=False)
  # The action after the last step of an episode is zeros in any space.
  acting = ~data['is_last']
  for key, space in spaces.items():
    steps = data[key][acting]
    bad = next((x for x in steps if not space.contains(x)), None)
    if bad is not None:
      raise UsageError(
        f"The key '{key}' is {bad} in the data in {name}, and {space} in the"
        ' task; give data of the same task.'
      )
