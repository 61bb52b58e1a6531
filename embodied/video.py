"""Video files."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


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
  ValueError for any other array.
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
  writer = imageio_ffmpeg.write_frames(
    str(part),
    (video.shape[2], video.shape[1]),
    fps=fps,
    quality=8,
    macro_block_size=2,
    ffmpeg_log_level='error',
  )
  writer.send(None)
  for frame in video:
    writer.send(np.ascontiguousarray(frame))
  writer.close()
  part.replace(path)
