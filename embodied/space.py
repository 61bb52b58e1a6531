"""What the arrays of one observation or action key may hold."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

ROLES = ('image', 'text', 'number', 'class', 'flag', 'mask', 'hidden')

# Integers with more values than this are numbers unless a role is given.
MAX_CLASSES = 256


class Space:
  """Type, shape, bounds and role of one array; immutable and picklable.

  Args:
    dtype: A bool, signed or unsigned integer, or float dtype.
    shape: Of one step, without batch and time.
    low: Smallest value, inclusive; a scalar or an array that broadcasts to
      `shape`. By default -inf for floats, the dtype's range for integers.
    high: Largest value, inclusive for floats. It is *exclusive* for integers
      and bool: with `low` 0 it is the number of classes.
    role: What the array means to a network, see the property. By default it
      is derived from the other arguments.

  Raises:
    ValueError: A dtype of another kind, bounds that do not broadcast to
      `shape`, no value between `low` and `high`, or a role that does not fit.
  """

  def __init__(
    self,
    dtype: DTypeLike,
    shape: tuple[int, ...] = (),
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
    role: str | None = None,
  ) -> None:
    self._dtype = np.dtype(dtype)
    self._shape = tuple(int(x) for x in shape)
    if self._dtype.kind not in 'biuf':
      raise ValueError(
        f'A Space holds bool, integers or floats, not {self._dtype}.'
      )
    least, most = _limits(self._dtype)
    kind = np.dtype(self._dtype if self._dtype.kind == 'f' else np.int64)
    self._low = np.array(least if low is None else low, kind)
    self._high = np.array(most if high is None else high, kind)
    for bound in (self._low, self._high):
      bound.setflags(write=False)
      if not _fits(bound.shape, self._shape):
        raise ValueError(
          f'Bounds of shape {bound.shape} do not broadcast to {self._shape};'
          ' give a number, or an array of the shape of the space.'
        )
    below = self._low <= self._high
    if self._dtype.kind != 'f':
      below = self._low < self._high
    if not below.all():
      raise ValueError(
        f'The bounds {low!r} to {high!r} allow no value of {self._dtype};'
        ' raise high or lower low.'
      )
    # Bounds that allow every integer are not checked: for pictures this
    # would be slow.
    self._bounded = not (
      (self._low <= least).all()
      and (self._high >= most).all()
      and self._dtype.kind != 'f'
    )
    # The bounds of a scalar. Python numbers compare faster than arrays.
    self._ends: tuple[Any, Any] = (0, 0)
    if not self._shape:
      self._ends = self._low.item(), self._high.item()
    self._role = self._derived_role() if role is None else role
    if not self._takes(self._role):
      raise ValueError(
        f"The role '{role}' does not fit a Space of {self._dtype} of shape"
        f' {self._shape}; the roles are {", ".join(ROLES)}. An image is uint8'
        ' [H, W, C], classes are discrete, flags and masks are bool.'
      )

  @property
  def dtype(self) -> np.dtype[Any]:
    return self._dtype

  @property
  def shape(self) -> tuple[int, ...]:
    return self._shape

  @property
  def low(self) -> np.ndarray:
    """Inclusive lower bounds, read-only, of `shape`; int64 for integers."""
    return np.broadcast_to(self._low, self._shape)

  @property
  def high(self) -> np.ndarray:
    """Upper bounds, read-only, of `shape`; exclusive for integers."""
    return np.broadcast_to(self._high, self._shape)

  @property
  def discrete(self) -> bool:
    """Whether values can be classes: bool, and integers except uint8."""
    return self._dtype.kind in 'biu' and self._dtype != np.uint8

  @property
  def role(self) -> str:
    """What the array means to a network.

    * 'image': a picture, uint8 `[H, W, C]`.
    * 'text': UTF-8, uint8 `[L]`, with zeros where it has ended.
    * 'number': a quantity.
    * 'class': one of `classes`, which have no order.
    * 'flag': true or false.
    * 'mask': which classes of the action are allowed.
    * 'hidden': not shown to the agent.

    If no role is given, uint8 `[H, W, C]` is an image, bool is a flag, other
    integers except uint8 with at most `MAX_CLASSES` values are classes, and
    everything else is a number.
    """
    return self._role

  @property
  def classes(self) -> np.ndarray:
    """Number of classes per element, int64 of `shape`; bool has 2.

    Class 0 is the value `low`. Raises ValueError if not `discrete`.
    """
    if not self.discrete:
      raise ValueError(f'{self} is not discrete and has no classes.')
    return np.asarray(self.high - self.low)

  def sample(self, rng: np.random.Generator) -> np.ndarray:
    """Draw an array of `shape`, uniformly between finite bounds.

    A float with one finite bound is drawn at a distance from it that is
    exponentially distributed with mean 1. A float without finite bounds is
    drawn from a normal distribution of mean 0 and deviation 1.
    """
    if self._dtype.kind != 'f':
      value = rng.integers(self.low, self.high, self._shape)
      return np.asarray(value).astype(self._dtype)
    low, high = self.low.astype(np.float64), self.high.astype(np.float64)
    below, above = np.isfinite(low), np.isfinite(high)
    both = below & above
    start, stop = np.where(both, low, 0), np.where(both, high, 0)
    uniform = start + rng.random(self._shape) * (stop - start)
    distance = rng.exponential(size=self._shape)
    value = np.select(
      [both, below, above],
      [uniform, low + distance, high - distance],
      rng.normal(size=self._shape),
    )
    # Rounding to float32 may cross a bound.
    return np.clip(value.astype(self._dtype), self.low, self.high)

  def contains(self, value: Any) -> bool:
    """Whether dtype and shape are equal, and all values within bounds."""
    if type(value) is not self._dtype.type:  # no scalar of this dtype
      value = np.asarray(value)
      if value.dtype != self._dtype or value.shape != self._shape:
        return False
    elif self._shape:
      return False
    if not self._bounded:
      return True
    if not self._shape:
      low, high = self._ends
      number = value.item()
      return low <= number < high or (
        number == high and self._dtype.kind == 'f'
      )
    inside = self._low <= value
    if self._dtype.kind == 'f':
      return bool((inside & (value <= self._high)).all())
    return bool((inside & (value < self._high)).all())

  def _derived_role(self) -> str:
    if self._is_picture:
      return 'image'
    if self._dtype.kind == 'b':
      return 'flag'
    # The difference of two int64 may need all 64 bits.
    if self.discrete:
      count = self.classes.astype(np.uint64)
      return 'class' if count.max(initial=0) <= MAX_CLASSES else 'number'
    return 'number'

  @property
  def _is_picture(self) -> bool:
    return self._dtype == np.uint8 and len(self._shape) == 3

  def _takes(self, role: str) -> bool:
    """Whether arrays of this type and shape can have the role."""
    match role:
      case 'image':
        return self._is_picture
      case 'text':
        return self._dtype == np.uint8 and len(self._shape) == 1
      case 'class':
        return self.discrete
      case 'flag' | 'mask':
        return self._dtype.kind == 'b'
    return role in ROLES

  def __eq__(self, other: object) -> bool:
    if not isinstance(other, Space):
      return NotImplemented
    return (
      self._dtype == other._dtype
      and self._role == other._role
      and self._shape == other._shape
      and np.array_equal(self.low, other.low)
      and np.array_equal(self.high, other.high)
    )

  def __deepcopy__(self, memo: dict[int, Any]) -> 'Space':
    return self

  def __hash__(self) -> int:
    return hash((self._dtype, self._shape, self._role))

  def __repr__(self) -> str:
    low, high = _brief(self._low), _brief(self._high)
    return (
      f'Space({self._dtype}, {self._shape}, low={low}, high={high},'
      f" role='{self._role}')"
    )


def _fits(inner: tuple[int, ...], outer: tuple[int, ...]) -> bool:
  """Whether `inner` broadcasts to exactly `outer`."""
  tail = outer[len(outer) - len(inner) :]
  sizes = zip(inner, tail, strict=False)
  return len(inner) <= len(outer) and all(a in (1, b) for a, b in sizes)


def _brief(bound: np.ndarray) -> str:
  if bound.size <= 8:
    return str(bound.tolist())
  return f'{bound.min()}...{bound.max()}'


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
  """Bounds that allow every value; high is exclusive unless a float."""
  if dtype.kind == 'f':
    return -np.inf, np.inf
  if dtype.kind == 'b':
    return 0, 2
  info = np.iinfo(dtype)
  # Bounds are int64, so values from 2**63 - 1 on are not allowed.
  return int(info.min), min(int(info.max) + 1, np.iinfo(np.int64).max)
