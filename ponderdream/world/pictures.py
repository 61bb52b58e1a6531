"""Which pictures the encoder and decoder can take."""

from collections.abc import Mapping
from typing import Any

from embodied.errors import UsageError


def check(config: Any, obs_space: Mapping[str, Any]) -> None:
  """Checks that all pictures have one size, and that it fits the settings.

  Raises:
    UsageError: it does not fit; names the setting to change.
  """
  sizes = {v.shape[:2] for v in obs_space.values() if v.role == 'image'}
  if not sizes:
    return
  if len(sizes) > 1:
    raise UsageError(
      f'The environment shows pictures of sizes {sorted(sizes)}; wrap it so'
      ' that they have one size.'
    )
  _check_blocks(config)
  for name in ('enc', 'imgdec'):
    if config[name].kind == 'conv':
      _check_conv(name, config[name], *sizes)


def _check_blocks(config: Any) -> None:
  last = config.imgdec.mults[-1] if config.imgdec.kind == 'conv' else 1
  for count in (config.imgdec.depth * last, config.dyn.deter):
    if count % config.imgdec.blocks:
      raise UsageError(
        f'imgdec.blocks is {config.imgdec.blocks}, which does not divide'
        f' {count}; it has to divide dyn.deter and the channels of the'
        ' smallest picture.'
      )


def _check_conv(name: str, part: Any, size: tuple[int, int]) -> None:
  if part.kernel % 2 == 0:
    raise UsageError(
      f'{name}.kernel must be odd, so that it has a middle; got {part.kernel}.'
    )
  step = 2 ** len(part.mults)
  if any(x % step for x in size):
    raise UsageError(
      f'The environment shows pictures of {size[0]}x{size[1]} pixels; the'
      f' convolutions need multiples of {step}. Resize them, or set enc.kind'
      ' and imgdec.kind to patch.'
    )
