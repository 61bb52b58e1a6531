"""A scan that gathers the gradients of its weights afterwards, all at once.

The derivative of `jax.lax.scan` adds to the gradient of every weight in every
step: a product of thin matrices, and a pass over all weights in memory. Here
the backward scan only computes the gradients of the products' *outcomes*. With
the inputs of the same products, which were kept on the way forward, a weight's
gradient is a single product over all steps:

    y_t = x_t W,   dW = sum_t x_t^T dy_t = [x_1 ... x_T]^T [dy_1 ... dy_T]

This is how recurrent networks are trained in cuDNN (Appleyard et al. 2016,
arXiv 1604.01946, section 3.3).
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

Array = jax.Array
Body = Callable[[Any, Any, Any], tuple[Any, Any]]

# What stands in for a product while a scan is traced.
_stand_in: contextvars.ContextVar[Callable[[Array, Array], Array] | None]
_stand_in = contextvars.ContextVar('stand_in', default=None)


def product(x: Array, kernel: Array) -> Array:
  """`x @ kernel`, `[..., B, I], [..., I, O] -> [..., B, O]`.

  A product whose kernel depends on the parameters alone, and may be deferred
  in `scan`. All linear layers go through here.
  """
  stand_in = _stand_in.get()
  return stand_in(x, kernel) if stand_in else x @ kernel


@contextlib.contextmanager
def _replaced(stand_in: Callable[[Array, Array], Array]) -> Iterator[None]:
  token = _stand_in.set(stand_in)
  try:
    yield
  finally:
    _stand_in.reset(token)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def scan(body: Body, params: Any, init: Any, xs: Any) -> tuple[Any, Any]:
  """`jax.lax.scan(lambda c, x: body(params, c, x), init, xs)`.

  Args:
    body: `(params, carry, x) -> (carry, y)`; its products of a kernel that is
      a function of `params` are computed by `product`.
    params: tree of weights.
    init: first carry.
    xs: tree of `[T, ...]`.

  Returns:
    The last carry, and the `y` of all steps `[T, ...]`.
  """
  return jax.lax.scan(functools.partial(body, params), init, xs)


def _forward(
  body: Body, params: Any, init: Any, xs: Any
) -> tuple[tuple[Any, Any], Any]:
  first = jax.tree.map(lambda x: x[0], xs)
  in_step = functools.partial(products, body, carry=init, x=first)
  length = len(jax.tree.leaves(xs)[0])
  _, outcomes = jax.eval_shape(in_step, params)
  offsets = [jnp.zeros((length, *y.shape), y.dtype) for y in outcomes]

  def run(params: Any, init: Any, xs: Any, offsets: Any) -> Any:
    def step(carry, xs):
      x, offsets = xs
      inputs = []

      def shifted(x: Array, kernel: Array) -> Array:
        inputs.append(x)
        kernel = jax.lax.stop_gradient(kernel)
        return x @ kernel + offsets[len(inputs) - 1]

      with _replaced(shifted):
        carry, y = body(params, carry, x)
      return carry, (y, inputs)

    carry, (ys, inputs) = jax.lax.scan(step, init, (xs, offsets))
    return (carry, ys), inputs

  out, back, inputs = jax.vjp(run, params, init, xs, offsets, has_aux=True)
  _, back_kernels = jax.vjp(lambda params: in_step(params)[0], params)
  return out, (back, back_kernels, inputs)


def _backward(body: Body, kept: Any, grads: Any) -> tuple[Any, Any, Any]:
  back, back_kernels, inputs = kept
  others, init, xs, offsets = back(grads)
  gathered = [gather(x, dy) for x, dy in zip(inputs, offsets, strict=True)]
  (weights,) = back_kernels(gathered)
  return jax.tree.map(jnp.add, others, weights), init, xs


scan.defvjp(_forward, _backward)


def products(
  body: Body, params: Any, carry: Any, x: Any
) -> tuple[list[Array], list[Array]]:
  """Kernels and outcomes of the products in one step, in order."""
  found: list[tuple[Array, Array]] = []

  def noted(x: Array, kernel: Array) -> Array:
    found.append((kernel, x @ kernel))
    return found[-1][1]

  with _replaced(noted):
    body(params, carry, x)
  return [kernel for kernel, _ in found], [y for _, y in found]


def gather(x: Array, dy: Array) -> Array:
  """`sum_tb x[t, ..., b, :]^T dy[t, ..., b, :]`, `[..., I, O]`."""
  rows = lambda x: jnp.moveaxis(x, 0, -3).reshape(
    (*x.shape[1:-2], -1, x.shape[-1])
  )
  return rows(x).swapaxes(-1, -2) @ rows(dy)
