"""Pictures for a video of an environment whose observations have none."""

import logging
from typing import Any

import gymnasium
import numpy as np

from embodied.log import video
from embodied.space import Space

log = logging.getLogger('embodied')

# The key of these pictures among the observations.
KEY = 'rendered/image'


class Film:
  """Renders an environment that was made with `render_mode` 'rgb_array' and
  has been reset.

  Args:
    env: The environment.
    frames: Pictures that are rendered; later ones are black, which costs
      nothing.

  Attributes:
    space: Of the pictures, uint8 `[H, W, 3]`; see `video.bounded`.

  Raises:
    Exception: Whatever the environment raises.
  """

  def __init__(self, env: gymnasium.Env[Any, Any], frames: int) -> None:
    self._env, self._left = env, frames
    self._black = np.zeros_like(self._render())
    self.space = Space(np.uint8, self._black.shape, role='hidden')

  def next(self) -> np.ndarray:
    """The picture of this moment."""
    if not self._left:
      return self._black
    self._left -= 1
    return self._render()

  def _render(self) -> np.ndarray:
    picture: Any = self._env.render()
    if not isinstance(picture, np.ndarray) or picture.ndim != 3:
      raise TypeError(
        f'its render method gives {type(picture).__name__}, not a picture'
        ' [H, W, C]'
      )
    return video.bounded(picture)


def begin(env: gymnasium.Env[Any, Any], frames: int) -> Film | None:
  """The film of an environment; None, with a warning, if it cannot be
  rendered."""
  try:
    return Film(env, frames)
  except Exception as error:  # drivers of graphics raise anything
    log.warning('The environment cannot be rendered: %s', error)
    return None
