"""Distributions. The only file that imports TensorFlow Probability."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from tensorflow_probability.substrates import jax as tfp

tfd = tfp.distributions

Array = jax.Array

# Logit of a masked action. Its probability is exactly 0 in float32. Unlike
# with -inf, entropies and gradients are finite.
MASKED_LOGIT = -1e9

# TensorFlow Probability relies on rank promotion, also where JAX raises an
# error for it.
allow_rank_promotion = functools.partial(jax.numpy_rank_promotion, 'allow')


def symlog(x: Array) -> Array:
  """`sign(x) ln(1 + |x|)` (DreamerV3, arXiv 2301.04104, equation 9)."""
  return jnp.sign(x) * jnp.log1p(jnp.abs(x))


def unimix(logits: Array, mix: float) -> Array:
  """Log-probabilities of `(1 - mix) softmax(logits) + mix / C`, `[..., C]`."""
  if not mix:  # a probability of 0 has no logarithm
    return jax.nn.log_softmax(logits.astype(jnp.float32), -1)
  probs = jax.nn.softmax(logits.astype(jnp.float32), -1)
  return jnp.log((1 - mix) * probs + mix / logits.shape[-1])


def sample_onehot(key: Array, logp: Array) -> Array:
  """One-hot samples `[..., S, C]` with straight-through gradients.

  Inverts the cumulative distribution, which needs one uniform number per
  variable. The gradient is that of the probabilities (Bengio et al. 2013,
  arXiv 1308.3432). The key is consumed.
  """
  probs = jnp.exp(logp)
  total = jnp.cumsum(probs, -1)
  u = jax.random.uniform(key, (*logp.shape[:-1], 1)) * total[..., -1:]
  index = (total <= u).sum(-1).clip(0, logp.shape[-1] - 1)
  onehot = jax.nn.one_hot(index, logp.shape[-1], dtype=probs.dtype)
  return onehot + (probs - jax.lax.stop_gradient(probs))


def kl_onehot(logp: Array, logq: Array) -> Array:
  """KL(p || q) in nats, summed over the variables: `[..., S, C] -> [...]`."""
  p = tfd.Independent(tfd.Categorical(logits=logp), 1)
  q = tfd.Independent(tfd.Categorical(logits=logq), 1)
  return tfd.kl_divergence(p, q)


def entropy_onehot(logp: Array) -> Array:
  """Entropy in nats, summed over the variables: `[..., S, C] -> [...]`."""
  return tfd.Independent(tfd.Categorical(logits=logp), 1).entropy()


def symexp_bins(count: int) -> np.ndarray:
  """Bin values `[count]`: the inverse of symlog, `sign(x) (exp(|x|) - 1)`, on
  an even grid from -20 to 20.

  The upper half mirrors the lower half, so that the values are exactly
  symmetric.

  Raises:
    ValueError: `count` is even.
  """
  if count % 2 == 0:
    raise ValueError(f'The number of bins must be odd, got {count}.')
  grid = np.linspace(-20, 0, count // 2 + 1, dtype=np.float32)
  half = -np.expm1(-grid).astype(np.float32)
  return np.concatenate([half, -half[:-1][::-1]])


class TwoHot:
  """A scalar as a distribution over bins (DreamerV3, section on symexp
  twohot). The mean is the prediction. The loss is the cross entropy to the
  target, which is spread over the two bins beside it.

  Args:
    logits: `[..., bins]`, any float type.
  """

  def __init__(self, logits: Array):
    self.logits = logits.astype(jnp.float32)
    self.bins = jnp.asarray(symexp_bins(logits.shape[-1]))

  def __getitem__(self, index: Any) -> 'TwoHot':
    """The distributions of some of the scalars."""
    return TwoHot(self.logits[index])

  def pred(self) -> Array:
    """The mean `[...]`. Opposite bins are summed in pairs, so that equal
    probabilities give exactly 0."""
    probs = jax.nn.softmax(self.logits, -1)
    mid = probs.shape[-1] // 2
    low, high = probs[..., :mid], probs[..., mid + 1 :]
    # The value of the middle bin is 0.
    bins = jnp.expand_dims(self.bins[:mid], range(low.ndim - 1))
    return ((high[..., ::-1] - low) * -bins).sum(-1)

  def log_prob(self, target: Array) -> Array:
    """Minus the cross entropy to the two-hot target: `[...] -> [...]`."""
    target = jax.lax.stop_gradient(target.astype(jnp.float32))
    count = self.bins.shape[0]
    above = jnp.searchsorted(self.bins, target, side='right')
    below = (above - 1).clip(0, count - 1)
    above = above.clip(0, count - 1)
    low, high = self.bins[below], self.bins[above]
    span = high - low
    # Beyond the last bin, `below` and `above` are the same bin.
    weight = jnp.where(
      span > 0, (target - low) / jnp.where(span > 0, span, 1), 1
    )
    logp = jax.nn.log_softmax(self.logits, -1)
    take = lambda i: jnp.take_along_axis(logp, i[..., None], -1)[..., 0]
    return (1 - weight) * take(below) + weight * take(above)


class Point:
  """A scalar without a distribution, trained by its squared error.

  Args:
    logits: `[..., 1]`, any float type.
    scale: errors are divided by it.
  """

  def __init__(self, logits: Array, scale: Array | float = 1.0):
    self.logits = logits.astype(jnp.float32)
    self.scale = jax.lax.stop_gradient(scale)

  def __getitem__(self, index: Any) -> 'Point':
    """Some of the scalars."""
    return Point(self.logits[index], self.scale)

  def pred(self) -> Array:
    """The number, `[...]`."""
    return self.logits[..., 0]

  def log_prob(self, target: Array) -> Array:
    """Minus half the squared error: `[...] -> [...]`."""
    target = jax.lax.stop_gradient(target.astype(jnp.float32))
    return -jnp.square((self.pred() - target) / self.scale) / 2


def scalar(logits: Array, scale: Array | float = 1.0) -> TwoHot | Point:
  """The scalar predicted by outputs `[..., bins]` of a head: a `Point` for one
  bin, else a `TwoHot`. The errors of a `Point` are divided by `scale`."""
  if logits.shape[-1] == 1:
    return Point(logits, scale)
  return TwoHot(logits)


class Binary:
  """Bernoulli from logits `[...]`."""

  def __init__(self, logits: Array):
    self.dist = tfd.Bernoulli(logits=logits.astype(jnp.float32))

  def prob(self) -> Array:
    """Probability of one, `[...]`."""
    return self.dist.probs_parameter()

  def log_prob(self, target: Array) -> Array:
    """Log-likelihood of a target in [0, 1], `[...]`."""
    return self.dist.log_prob(target.astype(jnp.float32))


class Discrete:
  """One or several categorical variables side by side, with masks.

  Args:
    raw: logits `[..., sum(classes)]`.
    classes: classes of each variable.
    mix: share of the uniform distribution over the allowed classes.
    mask: True where a class is allowed, of the shape of `raw`, or None. If a
      variable has no allowed class, all its classes are allowed.
  """

  def __init__(
    self, raw: Array, classes: tuple[int, ...], mix: float, mask: Array | None
  ):
    edges = np.cumsum(classes)[:-1].tolist()
    logits = jnp.split(raw.astype(jnp.float32), edges, -1)
    masks: list[Array | None] = [None] * len(classes)
    if mask is not None:
      masks = list(jnp.split(mask, edges, -1))
    pairs = zip(logits, masks, strict=True)
    self.logps = [masked_unimix(x, m, mix) for x, m in pairs]
    self.parts = [tfd.Categorical(logits=x) for x in self.logps]

  def sample(self, key: Array) -> Array:
    """Class indices `[..., V]`. The key is consumed."""
    keys = jax.random.split(key, len(self.parts))
    pairs = zip(self.parts, keys, strict=True)
    with allow_rank_promotion():
      draws = [x.sample(seed=k) for x, k in pairs]
    return jnp.stack(draws, -1).astype(jnp.int32)

  def mode(self) -> Array:
    """The most probable classes `[..., V]`."""
    return jnp.stack([x.mode() for x in self.parts], -1).astype(jnp.int32)

  def log_prob(self, action: Array) -> Array:
    """Log-probability of indices `[..., V]`, summed: `[...]`."""
    with allow_rank_promotion():
      terms = [x.log_prob(action[..., i]) for i, x in enumerate(self.parts)]
    return sum(terms[1:], terms[0])

  def entropy(self) -> Array:
    """Nats, summed over the variables: `[...]`."""
    return sum((x.entropy() for x in self.parts[1:]), self.parts[0].entropy())


def masked_unimix(logits: Array, mask: Array | None, mix: float) -> Array:
  """`unimix` over the allowed classes, `MASKED_LOGIT` for the others. The mask
  may lack the first axes of the logits."""
  if mask is None:
    return unimix(logits, mix)
  lead = tuple(range(logits.ndim - mask.ndim))
  mask = jnp.expand_dims(mask | ~mask.any(-1, keepdims=True), lead)
  allowed = jnp.where(mask, logits, MASKED_LOGIT)
  if not mix:
    return jnp.where(mask, jax.nn.log_softmax(allowed, -1), MASKED_LOGIT)
  probs = jax.nn.softmax(allowed, -1)
  probs = (1 - mix) * probs + mix * mask / mask.sum(-1, keepdims=True)
  return jnp.where(mask, jnp.log(jnp.where(mask, probs, 1)), MASKED_LOGIT)


class BoundedNormal:
  """Normal with mean in (-1, 1) and deviation in [0.1, 1], as in DreamerV3.

  Args:
    raw: `[..., 2A]`: the means before tanh, the deviations before sigmoid.
  """

  LOW, HIGH = 0.1, 1.0

  def __init__(self, raw: Array):
    mean, std = jnp.split(raw.astype(jnp.float32), 2, -1)
    std = (self.HIGH - self.LOW) * jax.nn.sigmoid(std + 2.0) + self.LOW
    self.dist = tfd.Independent(tfd.Normal(jnp.tanh(mean), std), 1)

  def sample(self, key: Array) -> Array:
    """Actions `[..., A]`. The key is consumed."""
    with allow_rank_promotion():
      return self.dist.sample(seed=key)

  def mode(self) -> Array:
    return self.dist.mode()

  def log_prob(self, action: Array) -> Array:
    return self.dist.log_prob(action)

  def entropy(self) -> Array:
    return self.dist.entropy()


class Product:
  """Discrete variables and continuous ones, independent of each other. Values
  `[..., V]` are float32; the classes come first.

  Args:
    discrete, normal: the two distributions, of the same leading axes.
  """

  def __init__(self, discrete: Discrete, normal: BoundedNormal):
    self.discrete, self.normal = discrete, normal

  def sample(self, key: Array) -> Array:
    """Actions `[..., V]`. The key is consumed."""
    keys = jax.random.split(key)
    return self._joined(
      self.discrete.sample(keys[0]), self.normal.sample(keys[1])
    )

  def mode(self) -> Array:
    return self._joined(self.discrete.mode(), self.normal.mode())

  def log_prob(self, action: Array) -> Array:
    count = len(self.discrete.parts)
    classes = action[..., :count].astype(jnp.int32)
    return self.discrete.log_prob(classes) + self.normal.log_prob(
      action[..., count:]
    )

  def entropy(self) -> Array:
    return self.discrete.entropy() + self.normal.entropy()

  @staticmethod
  def _joined(classes: Array, numbers: Array) -> Array:
    return jnp.concatenate([classes.astype(numbers.dtype), numbers], -1)


ActionDist = Discrete | BoundedNormal | Product


def action_dist(
  raw: Array,
  classes: tuple[int, ...],
  numbers: int,
  mix: float,
  mask: Array | None = None,
) -> ActionDist:
  """The action distribution of one level.

  Args:
    raw: logits of the classes, then two outputs for each continuous
      variable: `[..., sum(classes) + 2 numbers]`.
    classes: classes of each discrete variable.
    numbers: number of continuous variables.
    mix, mask: see `Discrete`.
  """
  if not classes:
    return BoundedNormal(raw)
  discrete = Discrete(raw[..., : sum(classes)], classes, mix, mask)
  if not numbers:
    return discrete
  return Product(discrete, BoundedNormal(raw[..., sum(classes) :]))
