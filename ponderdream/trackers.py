"""Trackers of pondering: the number of ponder steps per action, and videos."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from embodied.log.video import SIDE, bounded, rgb
from embodied.run.tracker import Tracker

# Key of the agent's outputs, and of the metric of an update.
STEPS = 'log/ponder_steps'
SAID, HALTS = 'think/said', 'think/halts'
WANTED = 'think/wanted'
TRAINED = 'train/ponder/steps'

# Maximum number of frames; pixels of a line of text; and the probability of
# having halted that counts as certain.
FRAMES, LINE, SURELY = 1500, 12, 0.95


class PonderSteps(Tracker):
  """Counts the ponder steps of every action; nothing for other agents."""

  def __init__(self) -> None:
    # Of the actions since the last result.
    self.steps: list[float] = []

  def on_step(self, transition: Mapping[str, Any], worker: int) -> None:
    # The last observation of an episode is not followed by an action.
    if STEPS in transition and not transition['is_last']:
      self.steps.append(float(transition[STEPS]))

  def episode(self, episode: Mapping[str, float]) -> dict[str, float]:
    """`ponder_steps`, the mean per action of the episode."""
    if f'{STEPS}/sum' not in episode:
      return {}
    steps = episode[f'{STEPS}/sum'] - episode[f'{STEPS}/last']
    return {'ponder_steps': steps / max(episode['length'], 1)}

  def result(self) -> dict[str, Any]:
    """Of all actions since the last result: `acted/ponder_steps`, the steps
    of each, and `acted/halted/<n>`, the share that halted after n steps."""
    if not self.steps:
      return {}
    steps, self.steps = np.array(self.steps), []
    halted = {f'acted/halted/{k}': v for k, v in shares(steps).items()}
    return {'acted/ponder_steps': steps, **halted}

  def summary(self) -> dict[str, Any]:
    """`ponder_steps_mean`, and `ponder_steps_histogram`, the share of the
    actions by number of steps; None and empty for other agents."""
    if not any(self.steps):
      return {'ponder_steps_mean': None, 'ponder_steps_histogram': {}}
    return {
      'ponder_steps_mean': float(np.mean(self.steps)),
      'ponder_steps_histogram': shares(self.steps),
    }


def shares(steps: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
  """The share of actions by their number of ponder steps."""
  values, counts = np.unique(np.round(steps).astype(int), return_counts=True)
  rates = (counts / counts.sum()).tolist()
  return dict(zip(map(str, values), rates, strict=True))


def spoken(
  said: NDArray[np.int32],
  log_p: NDArray[np.float32],
  decode: Callable[[NDArray[np.int32]], list[str]],
) -> list[tuple[str, float]]:
  """The goal of each level in words, with the probability to halt there, up to
  the level by which the agent has halted almost surely.

  Args:
    said: pieces `[N, L]`.
    log_p: log halting probabilities `[N]`.
    decode: pieces to texts.
  """
  halts = np.exp(log_p)
  count = 1 + int((halts.cumsum() < SURELY).sum())
  return [*zip(decode(said[:count]), halts[:count].tolist(), strict=True)]


class Film(Tracker):
  """Collects the pictures of the first environment, and the number of ponder
  steps of the action that follows each of them, with what the agent thinks.

  Args:
    key: of the pictures among the observations.
    decode: pieces `[N, L]` to texts, if the agent acts aloud.
  """

  def __init__(
    self,
    key: str,
    decode: Callable[[NDArray[np.int32]], list[str]] | None = None,
  ) -> None:
    self.key, self.decode = key, decode
    self.frames: list[NDArray[np.uint8]] = []
    self.steps: list[float] = []
    self.lines: list[list[str]] = []
    self.wanted: list[Sequence[NDArray[np.uint8]]] = []

  def on_step(self, transition: Mapping[str, Any], worker: int) -> None:
    if worker == 0 and len(self.frames) < FRAMES:
      self.frames.append(bounded(transition[self.key]))
      self.steps.append(float(transition.get(STEPS, 0)))
      self.lines.append(self.thoughts(transition))
      pictures = transition.get(WANTED, ())
      self.wanted.append(pictures[: len(self.lines[-1])])

  def thoughts(self, transition: Mapping[str, Any]) -> list[str]:
    """A line for each level that is said."""
    if self.decode is None or SAID not in transition:
      return []
    found = spoken(transition[SAID], transition[HALTS], self.decode)
    return [f'{p:.2f} {text}' for text, p in found]

  def video(self) -> NDArray[np.uint8]:
    """As `draw` returns it."""
    return draw(self.frames, self.steps, lines=self.lines, wanted=self.wanted)


def draw(
  frames: Sequence[NDArray[np.uint8]],
  steps: Sequence[float],
  scale: int | None = None,
  lines: Sequence[Sequence[str]] = (),
  wanted: Sequence[Sequence[NDArray[np.uint8]]] = (),
) -> NDArray[np.uint8]:
  """A video that shows the number of ponder steps below each picture.

  Args:
    frames: `T` pictures uint8 `[H, W, C]`, see `embodied.log.video.rgb`.
    steps: ponder steps of the action chosen at each of them.
    scale: pixels per pixel; by default as many as `SIDE` has room for.
    lines: of text below each of the pictures.
    wanted: pictures of what each line is about, side by side below the lines.

  Returns:
    uint8 `[T, H', W', 3]`: below each picture a bar with one cell per step (or
    for several, where there is no room), filled up to the number of this
    frame, and that number.
  """
  scale = scale or max(1, SIDE // frames[0].shape[1])
  height, width = frames[0].shape[0] * scale, frames[0].shape[1] * scale
  strip, margin = 24, 4
  rows = max(map(len, lines), default=0)
  most = max(1, round(max(steps)))
  cells = max(1, min(most, (width - 32) // 4))
  cell = (width - 32) // cells
  most_wanted = max(map(len, wanted), default=0)
  side = width // max(1, most_wanted)
  words = strip + rows * LINE
  below = words + (side if most_wanted else 0)
  video = np.zeros((len(frames), height + below, width, 3), np.uint8)
  for i, (frame, count) in enumerate(zip(frames, steps, strict=True)):
    big = rgb(frame).repeat(scale, 0).repeat(scale, 1)
    canvas = Image.fromarray(np.pad(big, ((0, below), (0, 0), (0, 0))))
    pen = ImageDraw.Draw(canvas)
    for j in range(cells):
      left, top = margin + j * cell, height + margin
      box = (left, top, left + cell - 2, height + strip - margin)
      full = j < round(count / most * cells)
      color = (255, 190, 60) if full else (60, 60, 60)
      pen.rectangle(box, fill=color)
    pen.text((width - 24, height + 6), f'{count:g}', fill=(255, 255, 255))
    for j, line in enumerate(lines[i] if lines else ()):
      place = margin, height + strip + j * LINE
      pen.text(place, line, fill=(255, 255, 255))
    for j, picture in enumerate(wanted[i] if wanted else ()):
      small = Image.fromarray(rgb(picture)).resize((side, side))
      canvas.paste(small, (j * side, height + words))
    video[i] = np.asarray(canvas)
  return video
