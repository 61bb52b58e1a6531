"""Draws the goals of an episode over time.

Levels are rows, the most abstract on top; a bar is a node, as long as it was
in force, and its colour says how it ended. Above are pictures of the episode,
if there are any, each over the part of time that it was taken from.
"""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from embodied.config import Config
from embodied.errors import UsageError
from ponderdream.lrxc.data import Data
from ponderdream.lrxc.schema import Episode, Node

# In pixels.
WIDTH, MARGIN, ROW, FRAME, GAP, FONT = 1600, 24, 34, 128, 8, 13
INK, PAPER, FAINT = '#222222', '#ffffff', '#8c8c8c'
# Colour-blind readers can tell these apart; the words say it, too.
COLORS = {
  'achieved': '#7fc8a9',
  'failed': '#e8998d',
  'abandoned': '#f2d388',
  'ongoing': '#a3c4e8',
  'unknown': '#d9d9d9',
}


def show(options: Config) -> int:
  """Writes the picture; returns the exit code.

  Raises:
    UsageError: no such episode, or a part of it that is empty.
  """
  data = Data(options.data)
  number = data.find(options.episode)
  episode, nodes = data.episode(number), data.nodes(number)
  first, last = _part(episode, nodes, options.first, options.last)
  frames = pictures(data, number, first, last)
  path = pathlib.Path(options.out or f'{episode.episode_id}.png')
  draw(episode, nodes, frames, (first, last)).save(path)
  print(f'Written to {path}')
  return 0


def pictures(
  data: Data, number: int, first: float, last: float
) -> list[tuple[float, Image.Image]]:
  """Pictures of an episode, as many as have room side by side, each with the
  middle of the part of time that it stands for."""
  if 'image' not in data.fields:
    return []
  times = data.times(number, 0, data.rows[number].n_steps)
  inside = np.flatnonzero((times >= first) & (times < last))
  count = min(len(inside), (WIDTH - 2 * MARGIN) // (FRAME + GAP))
  found = []
  for middle in (np.arange(count) + 0.5) / max(1, count):
    step = int(inside[int(middle * len(inside))])
    pixels = data.steps(number, step, step + 1)['image'][0]
    shown = Image.fromarray(pixels.squeeze()).convert('RGB')
    shown = shown.resize((FRAME, FRAME), Image.Resampling.NEAREST)
    found.append((first + float(middle) * (last - first), shown))
  return found


def draw(
  episode: Episode,
  nodes: Sequence[Node],
  frames: Sequence[tuple[float, Image.Image]],
  part: tuple[float, float],
) -> Image.Image:
  """The picture of the time `part` of an episode."""
  nodes = [x for x in nodes if x.t0 < part[1] and x.t1 > part[0]]
  levels = 1 + max((x.level for x in nodes), default=0)
  top = MARGIN + ROW + (FRAME + GAP if frames else 0)
  height = top + levels * ROW + 2 * ROW + MARGIN
  canvas = Canvas(height, part)
  canvas.text(MARGIN, MARGIN, _title(episode))
  for time, frame in frames:
    canvas.frame(time, MARGIN + ROW, frame)
  for node in nodes:
    canvas.bar(node, top + node.level * ROW)
  canvas.axis(top + levels * ROW + 4)
  canvas.legend(height - MARGIN - FONT, {x.status for x in nodes})
  return canvas.image


class Canvas:
  """A picture whose x axis is the time `part` of an episode."""

  def __init__(self, height: int, part: tuple[float, float]) -> None:
    self.image = Image.new('RGB', (WIDTH, height), PAPER)
    self._draw = ImageDraw.Draw(self.image)
    self._font = ImageFont.load_default(FONT)
    self._part = part

  def x(self, time: float) -> float:
    """The column of a time; those outside of the part are at its edges."""
    first, last = self._part
    share = (min(max(time, first), last) - first) / (last - first)
    return MARGIN + share * (WIDTH - 2 * MARGIN)

  def text(self, x: float, y: float, text: str, color: str = INK) -> None:
    self._draw.text((x, y), text, color, self._font)

  def frame(self, time: float, y: int, frame: Image.Image) -> None:
    left = round(self.x(time) - FRAME / 2)
    left = min(max(left, MARGIN), WIDTH - MARGIN - FRAME)
    self.image.paste(frame, (left, y))

  def bar(self, node: Node, y: int) -> None:
    """The bar of a node, with as much of its text as there is room for."""
    x0, x1 = self.x(node.t0), self.x(node.t1)
    box = (x0, y, max(x0, x1 - 3), y + ROW - 4)
    self._draw.rectangle(box, COLORS[node.status])
    text = self._fit(node.text, x1 - x0 - 8)
    self.text(x0 + 4, y + (ROW - 4 - FONT) / 2 - 1, text)

  def axis(self, y: int) -> None:
    first, last = self._part
    for time in ticks(first, last):
      x = self.x(time)
      self._draw.line((x, y, x, y + 5), FAINT)
      text = f'{time:g}'
      self.text(x - self._font.getlength(text) / 2, y + 6, text, FAINT)

  def legend(self, y: int, statuses: set[str]) -> None:
    x = float(MARGIN)
    for status in [s for s in COLORS if s in statuses]:
      self._draw.rectangle((x, y, x + FONT, y + FONT), COLORS[status])
      self.text(x + FONT + 5, y - 2, status)
      x += FONT + 25 + self._font.getlength(status)

  def _fit(self, text: str, room: float) -> str:
    """The text, or its beginning, or nothing."""
    if self._font.getlength(text) <= room:
      return text
    while text and self._font.getlength(text + '…') > room:
      text = text[:-1]
    return text + '…' if len(text) > 1 else ''


def ticks(first: float, last: float) -> list[float]:
  """About ten round numbers from `first` to `last`."""
  size = 10 ** np.floor(np.log10((last - first) / 10))
  step = size * next(
    x for x in (1, 2, 5, 10) if (last - first) / (size * x) <= 12
  )
  count = np.arange(np.ceil(first / step), np.floor(last / step) + 1)
  return [float(x) for x in count * step]


def _part(
  episode: Episode, nodes: Sequence[Node], first: float, last: float
) -> tuple[float, float]:
  """The part of an episode to show; `last` 0 is its end."""
  begin, end = episode.span()
  if not np.isfinite(end):
    end = max((x.t1 for x in nodes), default=begin + 1)
  part = max(first, begin), min(last or end, end)
  if part[0] >= part[1]:
    raise UsageError(
      f'Episode {episode.episode_id!r} lasts from {begin} to {end}; there is'
      f' nothing between {first} and {last or end}.'
    )
  return part


def _title(episode: Episode) -> str:
  parts: list[Any] = [episode.episode_id, episode.env_id, episode.goal]
  title = '  ·  '.join(str(x) for x in parts if x)
  returns = episode.return_
  known = '' if returns is None else f', return {returns:.1f}'
  return f'{title}  ·  {episode.outcome}{known}'
