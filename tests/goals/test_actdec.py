"""The action decoder that sees the state beside the goal."""

import jax
import jax.numpy as jnp
import numpy as np

from ponderdream.goals import immediate, inner
from ponderdream.goals.actdec import ActionDecoder
from ponderdream.nets import heads

B, F, G, U, OUT = 4, 5, 3, 6, 2
INNER = inner.Inner(F, G, U, 'residual', 'none', 0.5, jnp.float32)
PONDER = immediate.PonderConfig('pondernet', 3, None, 0.5, False)
FEAT, GOAL = (
  jax.random.normal(jax.random.key(i), (B, n)) for i, n in enumerate((F, G))
)


def test_it_is_a_head_of_goal_and_state():
  # The same numbers as `Head` on the concatenation: its parameters by name.
  actdec = ActionDecoder(G, F, 2, U, OUT, 1.0, jnp.float32)
  params = actdec.init(jax.random.key(2), GOAL, FEAT, method='touch')['params']
  apply = lambda *xs, **how: actdec.apply({'params': params}, *xs, **how)
  got = apply(GOAL, apply(FEAT, method='project'))
  mlp = {
    'linear0': params['input'],
    'norm0': params['innorm'],
    'linear1': params['mlp']['linear0'],
    'norm1': params['mlp']['norm0'],
  }
  head = heads.Head(2, U, OUT, 1.0, jnp.float32)
  both = jnp.concatenate([GOAL, FEAT], -1)
  want = head.apply({'params': {'mlp': mlp, 'out': params['out']}}, both)
  np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_every_level_sees_the_state():
  actdec = ActionDecoder(G, F, 1, U, OUT, 1.0, jnp.float32)
  keys = jax.random.split(jax.random.key(3))
  params = {
    'inner': INNER.init(keys[0], FEAT, GOAL, method='touch')['params'],
    'actdec': actdec.init(keys[1], GOAL, FEAT, method='touch')['params'],
  }
  run = lambda params, feat: immediate.all_levels(
    INNER, actdec, params, feat, GOAL, PONDER
  )
  raw = run(params, FEAT).raw
  assert raw.shape == (3, B, OUT)
  # A subgoal model that says nothing leaves the state alone to decide.
  silent = jax.tree.map(jnp.zeros_like, params['inner']['subgoal'])
  blind = params | {'inner': params['inner'] | {'subgoal': silent}}
  first, *rest = run(blind, FEAT).raw
  for other in rest:
    np.testing.assert_allclose(other, first, rtol=1e-6)
  assert abs(first - run(blind, FEAT + 1).raw[0]).min() > 1e-4
  # And the one that acts computes the level that learning computes.
  acted, steps = immediate.choose(
    INNER,
    actdec,
    params,
    FEAT,
    GOAL,
    PONDER,
    jax.random.key(4),
    immediate.SAMPLED,
  )
  at = np.asarray(steps).astype(int) - 1
  np.testing.assert_allclose(acted, raw[at, np.arange(B)], rtol=1e-5)
