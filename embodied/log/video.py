"""Video files."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

# Of a video that shows how long was thought, in pixels.
LEAST_WIDTH = 160


def is_video(array: NDArray[Any]) -> bool:
  """Whether `array` is a video: uint8 [T, H, W, C], C being 1 or 3."""
  return (
    array.dtype == np.uint8
    and array.ndim == 4
    and array.shape[-1] in (1, 3)
    and array.size > 0
  )


def write_mp4(
  path: str | os.PathLike[str], video: NDArray[np.uint8], fps: float
) -> None:
  """Writes a video, uint8 [T, H, W, C] with 1 or 3 channels, as H.264 with
  `fps` frames per second; in whole or not at all.

  Sides of odd length get one pixel more, as the format demands. Raises
  ValueError for any other array, and OSError if it cannot be written.
  """
  import imageio_ffmpeg

  if not is_video(video):
    raise ValueError(
      f'The video is {video.dtype} {video.shape}; '
      'give uint8 [T, H, W, C] with 1 or 3 channels.'
    )
  path = Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  _, height, width, channels = video.shape
  pad = ((0, 0), (0, height % 2), (0, width % 2), (0, 0))
  video = np.repeat(np.pad(video, pad, 'edge'), 3 // channels, -1)
  part = path.with_name(f'.part-{path.name}')
  size = f'{video.shape[2]}x{video.shape[1]}'
  source = f'-f rawvideo -pix_fmt rgb24 -s {size} -r {fps} -i -'
  target = '-an -c:v libx264 -crf 18 -pix_fmt yuv420p -f mp4'
  try:
    program = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y']
  except RuntimeError as e:  # no ffmpeg anywhere
    raise OSError(f'ffmpeg could not write {path}: {e}') from None
  # A group of its own, so that Ctrl-C does not cut the video short.
  done = subprocess.run(
    [*program, *source.split(), *target.split(), str(part)],
    input=video.tobytes(),
    capture_output=True,
    process_group=0,
  )
  if done.returncode:
    part.unlink(missing_ok=True)
    reason = done.stderr.decode(errors='replace').strip()
    raise OSError(f'ffmpeg could not write {path}: {reason}')
  part.replace(path)


def thinking(
  frames: Sequence[NDArray[np.uint8]],
  steps: Sequence[float],
  scale: int | None = None,
) -> NDArray[np.uint8]:
  """A video whose frames show below the picture how long was thought.

  Args:
    frames: `T` pictures uint8 `[H, W, C]`, see `rgb`.
    steps: ponder steps of the action chosen at each of them.
    scale: pixels per pixel; 4 by default, and more for small pictures.

  Returns:
    uint8 `[T, H', W', 3]`: below each picture a bar with one cell per step (or
    for several, where there is no room), filled up to the number of this
    frame, and that number.
  """
  scale = scale or max(4, -(-LEAST_WIDTH // frames[0].shape[1]))
  height, width = frames[0].shape[0] * scale, frames[0].shape[1] * scale
  strip, margin = 24, 4
  most = max(1, round(max(steps)))
  cells = max(1, min(most, (width - 32) // 4))
  cell = (width - 32) // cells
  video = np.zeros((len(frames), height + strip, width, 3), np.uint8)
  for i, (frame, count) in enumerate(zip(frames, steps, strict=True)):
    big = rgb(frame).repeat(scale, 0).repeat(scale, 1)
    canvas = Image.fromarray(np.pad(big, ((0, strip), (0, 0), (0, 0))))
    draw = ImageDraw.Draw(canvas)
    for j in range(cells):
      left, top = margin + j * cell, height + margin
      box = (left, top, left + cell - 2, height + strip - margin)
      full = j < round(count / most * cells)
      color = (255, 190, 60) if full else (60, 60, 60)
      draw.rectangle(box, fill=color)
    draw.text((width - 24, height + 6), f'{count:g}', fill=(255, 255, 255))
    video[i] = np.asarray(canvas)
  return video


def rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
  """Pictures `[..., C]` with 3 channels: the first three of them, or the first
  one in grey if there are fewer."""
  if picture.shape[-1] < 3:
    return picture[..., :1].repeat(3, -1)
  return picture[..., :3]
