"""Adaptive computation (PonderNet) as a small library; needs only JAX.

    loop      unroll: all halting levels of a batch, with a gradient
    halting   from halting logits to probabilities, KL, samples
    act       the same step, run until each example has halted
    graves    ACT, for comparison: its stopping rule, weights and cost
    settle    the stopping rule of the Looped Actor, for comparison

These use `level`, the computation of one level; `chain`, the while loops and
their gradient; and `trees`, functions of trees of arrays.

Terms used in all files: a *step* is a function
`step(params, x, h, n) -> (h, out, logit)`. *Level* n is its n-th application,
counted from 0. `lambda_n = sigmoid(logit_n)` is the probability to halt at
level n if the example reaches it. `S_n = prod_{j<=n} (1 - lambda_j)` is the
*survival*, the probability not to halt at the levels up to n. Level n is
*active* for an example if `S_{n-1} >= eps`. The last active level gets the
remaining probability: `p_n = S_{n-1} lambda_n` at earlier levels and
`p_n = S_{n-1}` at the last one. B is the batch size, N is `max_steps`.
"""
