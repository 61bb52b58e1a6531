"""Video files."""

import subprocess
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embodied.files import Folder

# Longest side of a picture in a video of an evaluation.
SIDE = 256


def is_video(array: NDArray[Any]) -> bool:
  """Whether `array` is a video: uint8 [T, H, W, C], C being 1 or 3."""
  return (
    array.dtype == np.uint8
    and array.ndim == 4
    and array.shape[-1] in (1, 3)
    and array.size > 0
  )


def write_mp4(
  folder: Folder, name: str, video: NDArray[np.uint8], fps: float
) -> None:
  """Writes a video, uint8 [T, H, W, C] with 1 or 3 channels, as the file
  `name`: H.264 with `fps` frames per second. After an error there is no file.

  Sides of odd length get one more pixel, because the format needs even ones.
  Raises ValueError for any other array, and OSError if it cannot be written.
  """
  import imageio_ffmpeg

  if not is_video(video):
    raise ValueError(
      f'The video is {video.dtype} {video.shape}; '
      'give uint8 [T, H, W, C] with 1 or 3 channels.'
    )
  path, part = folder.path / name, f'.part-{name}'
  folder.check(name)
  _, height, width, channels = video.shape
  pad = ((0, 0), (0, height % 2), (0, width % 2), (0, 0))
  video = np.repeat(np.pad(video, pad, 'edge'), 3 // channels, -1)
  size = f'{video.shape[2]}x{video.shape[1]}'
  source = f'-f rawvideo -pix_fmt rgb24 -s {size} -r {fps} -i -'
  target = '-an -c:v libx264 -crf 18 -pix_fmt yuv420p -f mp4'
  try:
    program = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y']
  except RuntimeError as e:  # no ffmpeg anywhere
    raise OSError(f'ffmpeg could not write {path}: {e}') from None
  with folder.open(part, 'wb') as file:
    # In another process group, which Ctrl-C does not reach.
    done = subprocess.run(
      [*program, *source.split(), *target.split(), f'/dev/fd/{file.fileno()}'],
      input=video.tobytes(),
      capture_output=True,
      process_group=0,
      pass_fds=[file.fileno()],
    )
  if done.returncode:
    folder.unlink(part)
    reason = done.stderr.decode(errors='replace').strip()
    raise OSError(f'ffmpeg could not write {path}: {reason}')
  folder.rename(part, name)


def rgb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
  """Pictures `[..., C]` with 3 channels: the first three, or the first one as
  grey if there are fewer than three."""
  if picture.shape[-1] < 3:
    return picture[..., :1].repeat(3, -1)
  return picture[..., :3]


def bounded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
  """A picture `[H, W, C]` as `rgb` shows it, shrunk by means over areas if a
  side is longer than `SIDE`."""
  image = Image.fromarray(np.ascontiguousarray(rgb(picture)))
  image.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
  return np.asarray(image)
