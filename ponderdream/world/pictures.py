"""Checks that encoder and decoder fit the sizes of pictures."""

from collections.abc import Mapping
from typing import Any

from embodied.errors import UsageError


def check(config: Any, obs_space: Mapping[str, Any]) -> None:
  """Raises UsageError if pictures have several sizes, or a size that does not
  fit the settings."""
  sizes = {v.shape[:2] for v in obs_space.values() if v.role == 'image'}
  if not sizes:
    return
  if len(sizes) > 1:
    raise UsageError(
      f'The environment has pictures of the sizes {sorted(sizes)}; resize them'
      ' to a single size, in Gymnasium by --env.gymnasium.size 64.'
    )
  _check_blocks(config)
  for name in ('enc', 'imgdec'):
    if config[name].kind == 'conv' and config[name].kernel % 2 == 0:
      raise UsageError(
        f'{name}.kernel must be odd, so that it has a middle; got'
        f' {config[name].kernel}.'
      )


def _check_blocks(config: Any) -> None:
  last = config.imgdec.mults[-1] if config.imgdec.kind == 'conv' else 1
  for count in (config.imgdec.depth * last, config.dyn.deter):
    if count % config.imgdec.blocks:
      raise UsageError(
        f'imgdec.blocks is {config.imgdec.blocks}, which does not divide'
        f' {count}; choose a divisor of dyn.deter and of the channels of the'
        " decoder's first layer."
      )
