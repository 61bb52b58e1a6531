"""What the steps of an episode are, and whether they agree with it."""

from typing import Any

import numpy as np

from embodied.errors import UsageError
from ponderdream.lrxc import tables
from ponderdream.lrxc.schema import Episode
from ponderdream.lrxc.tables import Steps


def check_steps(episode: Episode, steps: Steps | None) -> None:
  """Checks steps, or that there are none, against their episode.

  Raises:
    UsageError: steps that are not complete, end early, or contradict what the
      episode says of them.
  """
  if wrong := _wrong(episode, steps):
    raise UsageError(f'Episode {episode.episode_id!r} {wrong}.')


def _wrong(episode: Episode, steps: Steps | None) -> str:
  if steps is None:
    return f'lacks its {episode.n_steps} steps' if episode.n_steps else ''
  missing = [x for x in tables.KNOWN if x not in steps]
  if missing:
    return f'has steps without {missing[0]!r}'
  lengths = {len(x) for x in steps.values()}
  if lengths != {episode.n_steps}:
    return f'has n_steps {episode.n_steps} and columns of {sorted(lengths)}'
  return _values(episode, steps) if episode.n_steps else ''


def _values(episode: Episode, steps: Steps) -> str:
  actions, reward = np.asarray(steps['action']), np.asarray(steps['reward'])
  if actions.dtype.kind not in 'iu' or actions.min() < -1:
    return 'has an action below -1, or one that is no whole number'
  meant = np.asarray(steps.get(tables.INTENDED, actions))
  if meant.dtype.kind not in 'iu' or meant.min() < -1:
    return 'intended an action below -1, or one that is no whole number'
  if np.isinf(reward).any():
    return 'has a reward that is not finite'
  ends = np.asarray(steps['terminated']) | np.asarray(steps['truncated'])
  if ends[:-1].any():
    return f'ends at step {int(ends.argmax())}, before its last step'
  for name, found in _has(steps).items():
    if getattr(episode, name) != found:
      return f'says {name} {str(not found).lower()}; its steps do not'
  return ''


def _has(steps: Steps) -> dict[str, Any]:
  """The fields of an episode that follow from its steps."""
  return {
    'has_actions': bool((np.asarray(steps['action']) >= 0).any()),
    'has_rewards': bool(np.isfinite(steps['reward']).any()),
    'has_images': 'image' in steps,
  }
