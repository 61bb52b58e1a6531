"""Random numbers that do not depend on how many devices share a batch."""

import math

import jax
import jax.numpy as jnp
from jax.extend import random as prng

from ponderdream.distributed.devices import AXIS


def fold(key: jax.Array) -> jax.Array:
  """A key of this device, inside of `pmap`. The key is consumed.

  Random arrays `[B / D, ...]` of the new key are the device's slice of the
  array `[B, ...]` that a single device would draw. So the random numbers of an
  example do not depend on the number of devices. Arrays of other shapes differ
  between devices.
  """
  index = jax.lax.axis_index(AXIS).astype(jnp.uint32)
  return jax.random.wrap_key_data(
    jnp.append(jax.random.key_data(key), index), impl=SLICED
  )


def _bits(key: jax.Array, width: int, shape: tuple[int, ...]) -> jax.Array:
  """Random bits `[n, ...]`: rows `index * n` to `(index + 1) * n` of a larger
  array.

  Threefry (Salmon et al. 2011) is a hash of a key and a position. JAX counts
  the positions of an array in C order. Here they begin with an offset.
  """
  size = math.prod(shape)
  low = jnp.arange(size, dtype=jnp.uint32) + key[2] * jnp.uint32(size)
  counts = jnp.stack([jnp.zeros_like(low), low])
  high, low = prng.threefry_2x32((key[0], key[1]), counts)
  dtype = jnp.dtype(f'uint{width}')
  if width == 64:
    bits = (high.astype(dtype) << 32) | low.astype(dtype)
  else:
    bits = (high ^ low).astype(dtype)
  return bits.reshape(shape)


def _split(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
  keys = prng.threefry_prng_impl.split(key[:2], shape)
  return jnp.concatenate([keys, jnp.broadcast_to(key[2:], (*shape, 1))], -1)


# Threefry keys with a third number, the index of the device.
SLICED = prng.define_prng_impl(
  key_shape=(3,),
  seed=lambda seed: jnp.append(
    prng.threefry_prng_impl.seed(seed), jnp.uint32(0)
  ),
  split=_split,
  random_bits=_bits,
  fold_in=lambda key, data: jnp.append(
    prng.threefry_prng_impl.fold_in(key[:2], data), key[2]
  ),
  name='sliced_threefry',
  tag='sfry',
)
