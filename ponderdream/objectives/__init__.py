"""The table of objectives, one file each.

An objective turns a pass over a batch into losses. To add one, write
`losses(p: Pass) -> Terms` in a file of its own, a row here, and its scales in
`loss_scales`. Running statistics that it needs get a row in `state.RUNNING`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ponderdream.objectives import (
  behaviour,
  cloning,
  demonstrated,
  foresight,
  goalstate,
  imitation,
  model,
  ppo,
  reconstruction,
)
from ponderdream.objectives.terms import KNOWN
from ponderdream.objectives.terms import Pass as Pass
from ponderdream.objectives.terms import Terms as Terms


class Objective(NamedTuple):
  """A row of the table.

  Attributes:
    losses: the function.
    scales: the keys of `loss_scales` for its losses. It is traced only if one
      of them is not 0.
    fresh: whether it is trained on the newest steps of the policy, in updates
      of their own, instead of on batches of the source.
    priority: whether its losses `[B, T]` count towards the priorities by which
      the replay may draw steps.
    keys: keys that it reads from a batch, if it has them, in addition to
      observations, actions and `embodied.SIGNALS`.
  """

  losses: Callable[[Pass], Terms]
  scales: tuple[str, ...]
  fresh: bool = False
  priority: bool = False
  keys: tuple[str, ...] = ()


# Add rows at the end: the random key of a row depends on its place.
OBJECTIVES: dict[str, Objective] = {
  'model': Objective(
    model.losses,
    ('dyn', 'rep', 'rew', 'con', 'tok'),
    priority=True,
    keys=(KNOWN,),
  ),
  'behaviour': Objective(
    behaviour.losses, ('policy', 'ponder', 'value', 'repval')
  ),
  'reconstruction': Objective(reconstruction.losses, ('rec',), priority=True),
  'ppo': Objective(
    ppo.losses,
    ('ppo', 'leash_halt', 'leash_act'),
    fresh=True,
    keys=(ppo.LOG_MU,),
  ),
  'foresight': Objective(
    foresight.losses, ('policy', 'ponder', 'value', 'repval'), fresh=True
  ),
  'imitation': Objective(
    imitation.losses,
    ('say', 'align', 'halt', 'bc'),
    keys=('goal', 'stack', 'intended'),
  ),
  'demonstrated': Objective(
    demonstrated.losses, ('demoval',), keys=('goal', KNOWN)
  ),
  'goalstate': Objective(
    goalstate.losses,
    ('goalstate',),
    keys=('goal', 'stack', goalstate.REMAINING),
  ),
  'cloning': Objective(cloning.losses, ('clone',), keys=(cloning.INTENDED,)),
}


def active(
  scales: Mapping[str, float], fresh: bool = False
) -> dict[str, Objective]:
  """The objectives of one kind of update that have a scale other than 0."""
  return {
    name: row
    for name, row in OBJECTIVES.items()
    if row.fresh == fresh and any(scales[key] for key in row.scales)
  }
