"""Value losses of imagined and of replayed sequences."""

import chex
import jax

from ponderdream.nets import dists

Array = jax.Array


def value(
  pred: dists.TwoHot | dists.Point,
  slow: Array,
  target: Array,
  slowreg: float,
) -> Array:
  """Cross entropy to the return, and to the slow critic (DreamerV3, eq. 10).

  Args:
    pred: the critic's distributions `[H, B]`.
    slow: predictions of its moving average `[H, B]`.
    target: returns `[H, B]`; no gradient flows into them.
    slowreg: weight of the cross entropy to the slow critic.

  Returns:
    Loss `[H, B]`: in nats, or half a squared error in units of the scale.
  """
  chex.assert_equal_shape([slow, target])
  sg = jax.lax.stop_gradient
  loss = -pred.log_prob(sg(target))
  return loss - slowreg * pred.log_prob(sg(slow))
