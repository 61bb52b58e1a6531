"""A scan that computes the gradients of its kernels once, after the loop.

The derivative of `jax.lax.scan` adds to the gradient of every weight in every
step: a product of thin matrices, and a pass over all weights in memory. Here
the backward scan computes only the gradients of the products' *outputs*. The
forward scan stores the inputs of the same products. The gradient of a kernel
is then a single product over all steps:

    y_t = x_t W,   dW = sum_t x_t^T dy_t = [x_1 ... x_T]^T [dy_1 ... dy_T]

cuDNN trains recurrent networks in this way (Appleyard et al. 2016, arXiv
1604.01946, section 3.3). Without it, a train step of the `cpu` block takes 6%
more processor time.

The sum holds only if W is the same in all steps, so a kernel must be a
function of the parameters alone. `scan` checks this while it is traced.
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
Product = Callable[[Array, Array], Array]

# Replaces `product` while a scan is traced.
_replacement: contextvars.ContextVar[Product | None]
_replacement = contextvars.ContextVar('replacement', default=None)


def product(x: Array, kernel: Array) -> Array:
  """`x @ kernel`, `[..., B, I], [..., I, O] -> [..., B, O]`.

  In the body of `scan`, the gradient of `kernel` is computed after the loop.
  All linear layers use this function.
  """
  replacement = _replacement.get()
  return replacement(x, kernel) if replacement else x @ kernel


@contextlib.contextmanager
def _replaced(replacement: Product) -> Iterator[None]:
  token = _replacement.set(replacement)
  try:
    yield
  finally:
    _replacement.reset(token)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def scan(body: Body, params: Any, init: Any, xs: Any) -> tuple[Any, Any]:
  """`jax.lax.scan(lambda c, x: body(params, c, x), init, xs)`.

  Args:
    body: `(params, carry, x) -> (carry, y)`. It computes products with
      kernels that depend on nothing but `params` by `product`, and all other
      products by `@`.
    params: tree of weights.
    init: first carry.
    xs: tree of `[T, ...]`.

  Returns:
    The last carry, and the `y` of all steps `[T, ...]`.

  Raises:
    ValueError: a kernel depends on the carry or on x (when differentiated).
  """
  return jax.lax.scan(functools.partial(body, params), init, xs)


def _forward(
  body: Body, params: Any, init: Any, xs: Any
) -> tuple[tuple[Any, Any], Any]:
  first = jax.tree.map(lambda x: x[0], xs)
  shapes = jax.eval_shape(
    functools.partial(outputs, body), params, init, first
  )
  length = len(jax.tree.leaves(xs)[0])
  # Zeros are added to the outputs; their gradients are those of the outputs.
  zeros = [jnp.zeros((length, *y.shape), y.dtype) for y in shapes]

  def run(params: Any, init: Any, xs: Any, zeros: Any) -> Any:
    def step(carry: Any, xs: Any) -> tuple[Any, Any]:
      x, zeros = xs
      inputs: list[Array] = []

      def shifted(x: Array, kernel: Array) -> Array:
        inputs.append(x)
        kernel = jax.lax.stop_gradient(kernel)
        return x @ kernel + zeros[len(inputs) - 1]

      with _replaced(shifted):
        carry, y = body(params, carry, x)
      return carry, (y, inputs)

    carry, (ys, inputs) = jax.lax.scan(step, init, (xs, zeros))
    return (carry, ys), inputs

  out, back, inputs = jax.vjp(run, params, init, xs, zeros, has_aux=True)
  _, back_kernels = jax.vjp(
    lambda params: kernels(body, params, init, first), params
  )
  return out, (back, back_kernels, inputs)


def _backward(body: Body, saved: Any, grads: Any) -> tuple[Any, Any, Any]:
  back, back_kernels, inputs = saved
  others, init, xs, douts = back(grads)
  (weights,) = back_kernels(list(map(kernel_gradient, inputs, douts)))
  return jax.tree.map(jnp.add, others, weights), init, xs


scan.defvjp(_forward, _backward)


def outputs(body: Body, params: Any, carry: Any, x: Any) -> list[Array]:
  """Outputs of the products in one step, in order."""
  return [x @ kernel for x, kernel in _operands(body, params, carry, x)]


def kernels(body: Body, params: Any, carry: Any, x: Any) -> list[Array]:
  """Kernels of the products in one step, in order.

  Raises:
    ValueError: a kernel depends on the carry or on x.
  """

  def run(params: Any, carry: Any, x: Any) -> list[Array]:
    return [kernel for _, kernel in _operands(body, params, carry, x)]

  # Under vmap, whatever depends on the carry or on x has a batch axis, and
  # an output without one is refused.
  alone = jax.vmap(run, in_axes=(None, 0, 0), out_axes=None)
  batch = lambda tree: jax.tree.map(lambda x: x[None], tree)
  try:
    return alone(params, batch(carry), batch(x))
  except ValueError as error:
    raise ValueError(
      'A kernel of `product` depends on the carry or on x of the scan, so that'
      ' its gradient would be wrong; compute this product by @ instead.'
    ) from error


def _operands(
  body: Body, params: Any, carry: Any, x: Any
) -> list[tuple[Array, Array]]:
  operands: list[tuple[Array, Array]] = []

  def record(x: Array, kernel: Array) -> Array:
    operands.append((x, kernel))
    return x @ kernel

  with _replaced(record):
    body(params, carry, x)
  return operands


def kernel_gradient(x: Array, dy: Array) -> Array:
  """`sum_tb x[t, ..., b, :]^T dy[t, ..., b, :]`, `[..., I, O]`."""
  rows = lambda x: jnp.moveaxis(x, 0, -3).reshape(
    (*x.shape[1:-2], -1, x.shape[-1])
  )
  return rows(x).swapaxes(-1, -2) @ rows(dy)
