"""The critic, learnt from the returns of demonstrations.

The first advantages of a critic that knows nothing are noise, and with them
reinforcement learning would begin. So while the actor imitates, the critic
learns what the demonstrations are worth:

    demoval = -log P(R_t | s_t, g),

where R_t are lambda-returns of the data's rewards, bootstrapped by the critic
itself (`losses.returns`), and g is what the episode wants above all, if goals
are texts and the data have some.
"""

from ponderdream.losses import combine
from ponderdream.objectives import imitation, ppo
from ponderdream.objectives.terms import KNOWN, Pass, Terms


def losses(p: Pass) -> Terms:
  """`demoval`, over the steps `[B, T - 1]` that are followed by another one of
  their episode, with a known reward."""
  goal = None
  if p.models.speaks and 'goal' in p.batch:
    texts = p.models.goals(p.params, p.batch[imitation.TEXTS])
    goal = imitation.wanted(texts, imitation.known(p.batch, 'goal'))
  mask = p.models.allowed(p.batch)
  view = p.models.view(p.params, p.post, p.tokens, mask, goal)
  counts = ppo.followed(p.batch)
  if KNOWN in p.batch:  # not in the rows of a replay beside data
    counts &= p.batch[KNOWN][:, 1:]
  judged = ppo.judge(p, view, counts)
  shown = {
    f'demoval/{k}': judged.metrics[f'ppo/{k}'] for k in ('return', 'explained')
  }
  return Terms({'demoval': combine.masked(judged.loss, counts)}, shown)
