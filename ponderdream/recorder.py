"""Records episodes for the player of `ponderdream.page`."""

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embodied.envs import achievements
from embodied.log.video import bounded
from embodied.run.tracker import Tracker
from ponderdream.trackers import FRAMES, HALTS, SAID, STEPS, SURELY

VALUE, CHOICE = 'think/value', 'think/choice'
EXPECTED, IMAGINED = 'think/expected', 'think/imagined'
# Pictures up to this many pixels on a side are kept exactly.
EXACT = 96


class Recorder(Tracker):
  """Collects the steps of the first environment, at most `FRAMES`.

  Args:
    key: of the pictures among the observations; None without pictures.
    decode: pieces `[N, L]` to texts, if the agent acts aloud.
    discount: of the value of the next step.
    note: what the page says about these episodes.
  """

  def __init__(
    self,
    key: str | None,
    decode: Callable[[NDArray[np.int32]], list[str]] | None = None,
    discount: float = 1.0,
    note: str = '',
  ) -> None:
    self.key, self.decode = key, decode
    self.discount, self.note = discount, note
    self.episodes: list[dict[str, Any]] = []
    self.count = 0
    self._pictures: dict[str, int] = {}
    self._texts: dict[str, int] = {}
    self._shape = [1, 1]
    self._before: dict[str, float] = {}

  def on_step(self, transition: Mapping[str, Any], worker: int) -> None:
    if worker or self.count >= FRAMES:
      return
    self.count += 1
    if transition['is_first'] or not self.episodes:
      self._before = {}
      self.episodes.append(empty())
    self.add(self.episodes[-1], transition)

  def add(self, episode: dict[str, Any], step: Mapping[str, Any]) -> None:
    """Appends a step to an episode."""
    acts = not step['is_last']
    time = len(episode['reward'])
    episode['reward'].append(plain(step['reward']))
    episode['return'] += float(step['reward'])
    episode['whole'] = bool(step['is_last'])
    terminal = bool(step['is_terminal'])
    episode['terminal'] = terminal
    pondered = acts and STEPS in step
    episode['steps'].append(plain(step[STEPS]) if pondered else None)
    value = 0.0 if terminal else step.get(VALUE)
    episode['value'].append(None if value is None else plain(value))
    action = step.get('action')
    shown = acts and action is not None
    episode['action'].append(shown_action(action) if shown else None)
    if self.key is not None:
      episode['frames'].append(self.picture(step[self.key]))
    self.think(episode, step if acts else {})
    self.events(episode, step, time)

  def think(self, episode: dict[str, Any], step: Mapping[str, Any]) -> None:
    """Appends the levels of a thought, up to the one by which the agent has
    halted almost surely, or which acts; none without a thought."""
    halts = np.exp(np.asarray(step.get(HALTS, ()), np.float64))
    count = 1 + int((halts.cumsum() < SURELY).sum())
    count = min(len(halts), max(count, round(float(step.get(STEPS, 0)))))
    levels = range(count)
    get = lambda key: step[key][:count] if key in step else ()
    said: Sequence[str] = ()
    if self.decode is not None and SAID in step:
      said = self.decode(step[SAID][:count])
    episode['halts'].append([plain(halts[n]) for n in levels])
    episode['said'].append([number_of(x, self._texts) for x in said])
    episode['choice'].append([shown_action(x) for x in get(CHOICE)])
    episode['expected'].append([plain(x) for x in get(EXPECTED)])
    episode['imagined'].append([self.picture(x, 0) for x in get(IMAGINED)])

  def events(
    self, episode: dict[str, Any], step: Mapping[str, Any], time: int
  ) -> None:
    """Appends the achievements that this step unlocked, or its reward where
    there are none, and the other values of the environment."""
    logs = {
      k.removeprefix('log/'): float(v)
      for k, v in step.items()
      if k.startswith('log/')
    }
    names = [k for k in logs if k.startswith(achievements.PREFIX)]
    for name in names:
      if logs[name] > self._before.get(name, 0.0):
        short = name.removeprefix(achievements.PREFIX)
        episode['events'].append([time, short])
    if not names and step['reward'] and not step['is_first']:
      episode['events'].append([time, f'reward {float(step["reward"]):g}'])
    self._before = logs
    for key in logs.keys() - {*names, STEPS.removeprefix('log/')}:
      episode['log'].setdefault(key, []).append(plain(logs[key]))

  def picture(self, pixels: NDArray[np.uint8], exact: int = EXACT) -> int:
    """The number of a picture `[H, W, C]`."""
    image = Image.fromarray(np.ascontiguousarray(bounded(pixels)))
    if exact:
      self._shape = [image.height, image.width]
    file = io.BytesIO()
    lossless = max(image.size) <= exact
    image.save(file, 'WEBP', lossless=lossless, quality=75, method=4)
    text = base64.b64encode(file.getvalue()).decode()
    return number_of(text, self._pictures)

  def content(self, step: int) -> dict[str, Any]:
    """All episodes, for JSON; `step` is that of the checkpoint.

    `came` is what `expected` is of: the reward of the next step, and the
    discounted value after it.
    """
    for episode in self.episodes:
      reward, value = episode['reward'], episode['value']
      after = zip(reward[1:], value[1:], strict=True)
      episode['came'] = [
        None if v is None else plain(r + self.discount * v) for r, v in after
      ] + [None]
    return {
      'step': step,
      'note': self.note,
      'shape': self._shape,
      'pictures': list(self._pictures),
      'texts': list(self._texts),
      'episodes': self.episodes,
    }


def empty() -> dict[str, Any]:
  """An episode without steps."""
  rows = [
    'steps', 'value', 'reward', 'action', 'frames', 'halts', 'said', 'choice',
    'expected', 'imagined', 'events',
  ]  # fmt: skip
  lists: dict[str, Any] = {k: [] for k in rows}
  return lists | {'return': 0.0, 'whole': False, 'terminal': False, 'log': {}}


def plain(x: Any) -> float:
  """A number for JSON, with five significant digits."""
  return float(f'{float(x):.5g}')


def shown_action(action: Any) -> int | float | str:
  """An action: a number, or the numbers of several as a text."""
  numbers = [plain(x) for x in np.asarray(action).reshape(-1)]
  whole = [int(x) if x.is_integer() else x for x in numbers]
  return whole[0] if len(whole) == 1 else ', '.join(map(str, whole))


def number_of(text: str, table: dict[str, int]) -> int:
  """The place of a text in a table, which grows."""
  return table.setdefault(text, len(table))
