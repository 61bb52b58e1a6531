"""The sum of all losses: scales, masks, devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ponderdream.distributed import devices
from ponderdream.losses import combine


def test_scales_weigh_the_means():
  # 2 * mean(1, 3) + 0.5 * mean(4) + 0.5 * mean(8) = 4 + 2 + 4.
  losses = {
    'dyn': jnp.array([[1.0], [3.0]]),
    'rec/image': jnp.array(4.0),
    'rec/vector': jnp.array(8.0),
  }
  assert combine.total(losses, {'dyn': 2.0, 'rec': 0.5, 'rew': 9.0}) == 10


def test_a_loss_without_a_scale_is_named():
  with pytest.raises(ValueError, match='jepa.*loss_scales'):
    combine.total({'jepa': jnp.zeros(2)}, {'dyn': 1.0})


def test_two_losses_of_one_key_are_named():
  assert combine.merged([{'a': 1}, {'b': 2}]) == {'a': 1, 'b': 2}
  with pytest.raises(ValueError, match="'b'"):
    combine.merged([{'a': 1, 'b': 2}, {'b': 3}])


def test_a_loss_of_scale_0_is_left_out():
  losses = {'dyn': jnp.array(1.0), 'rec/image': jnp.array(jnp.nan)}
  scales = {'dyn': 1.0, 'rec': 0.0}
  assert combine.counted(losses, scales).keys() == {'dyn'}


def test_masked_entries_have_no_part_in_mean_and_gradient():
  # Mean of 1 and 2, and 1e9 that is masked.
  mask = jnp.array([True, True, False])

  def loss(x):
    term = combine.masked(x * jnp.array([1.0, 1.0, 1e9]), mask)
    return combine.total({'a': term}, {'a': 4.0})

  x = jnp.array([1.0, 2.0, 3.0])
  assert loss(x) == 6
  np.testing.assert_array_equal(jax.grad(loss)(x), [2, 2, 0])


def test_nothing_but_masked_entries_is_0():
  term = combine.masked(jnp.ones(3), jnp.zeros(3, bool))
  assert combine.total({'a': term}, {'a': 1.0}) == 0


def test_devices_weigh_examples_alike():
  # Three entries count on the first device and one on the second: the mean is
  # (1 + 2 + 3 + 10) / 4 = 4, where the mean of the devices' means is 6.
  x = np.array([[1.0, 2.0, 3.0], [10.0, 50.0, 60.0]], np.float32)
  mask = np.array([[True, True, True], [True, False, False]])

  def loss(w, x, mask):
    term = combine.masked(w * x, mask)
    return combine.total({'a': term}, {'a': 1.0}, devices.mean)

  each = lambda x, mask: devices.mean(
    jax.value_and_grad(loss)(jnp.float32(1), x, mask)
  )
  every = jax.pmap(each, axis_name=devices.AXIS, out_axes=None)
  value, grad = every(x, mask)
  assert (float(value), float(grad)) == (4, 4)
