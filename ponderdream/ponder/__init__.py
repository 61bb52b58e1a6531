"""Think until done: adaptive computation (PonderNet) on jax alone.

    loop      unroll: all halting levels of a batch, with a gradient
    halting   from halting logits to probabilities, KL, samples
    act       the same step, run until each example has halted
    graves    ACT, the ablation: when it stops, its weights and its price

Beneath lie `level`, what is done at one level; `chain`, the while loops and
their gradient; and `trees`, rows of trees of arrays.

One vocabulary serves them all. A *step* is a function
`step(params, x, h, n) -> (h, out, logit)`; its n-th application, counted
from 0, is *level* n. `lambda_n = sigmoid(logit_n)` is the probability to
halt at level n once it is reached, the *survival* after it is
`S_n = prod_{j<=n} (1 - lambda_j)`, and level n is *active* for an example
where `S_{n-1} >= eps`. The last active level takes what is left:
`p_n = S_{n-1} lambda_n` before it and `p_n = S_{n-1}` on it. B is the batch,
N is `max_steps`.
"""
