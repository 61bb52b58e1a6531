"""Pictures of a video at the starts and ends of goals."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from embodied.errors import UsageError
from ponderdream.lrxc import files
from ponderdream.lrxc.schema import Node


def times(nodes: Sequence[Node]) -> list[float]:
  """Seconds at which goals begin or end, each once, in order."""
  return sorted({round(t, 2) for x in nodes for t in (x.t0, x.t1)})


def name(t: float) -> str:
  """The file of the picture at `t` seconds: in hundredths, so that they sort
  like their times."""
  return f'{round(100 * t):08}.png'


def cut(video: Path, t: float, path: Path, size: int) -> bool:
  """Writes the picture of a video at `t` seconds as a PNG of `size` x `size`
  pixels; False if the video ends before.

  Raises:
    UsageError: ffmpeg cannot read the video, or there is no ffmpeg.
  """
  with files.replacing(path) as part:
    done = subprocess.run(
      [
        _ffmpeg(), '-v', 'error', '-y', '-ss', f'{t:.2f}',
        # A name that begins with a protocol or a dash is still a file.
        '-i', f'file:{video.resolve()}', '-frames:v', '1',
        '-vf', f'scale={size}:{size}', '-f', 'image2', '-c:v', 'png',
        '-update', '1', f'file:{part}',
      ],
      capture_output=True,
    )  # fmt: skip
    if done.returncode:
      reason = done.stderr.decode(errors='replace').strip()[:200]
      raise UsageError(f'ffmpeg cannot read {video}: {ascii(reason)}.')
    if part.exists():
      return True
    part.touch()
  path.unlink()
  return False


def fits(path: Path, size: int) -> bool:
  """Whether a picture of `size` x `size` pixels is there."""
  if not path.exists():
    return False
  with Image.open(path) as found:
    return found.size == (size, size)


def _ffmpeg() -> str:
  import imageio_ffmpeg

  try:
    return imageio_ffmpeg.get_ffmpeg_exe()
  except RuntimeError:
    raise UsageError('Pictures need ffmpeg, and there is none.') from None
