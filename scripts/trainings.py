"""A training that is killed, and what its files say."""

import json
import re
from typing import NamedTuple

import numpy as np

from embodied import files
from embodied.replay import chunk as chunks
from scripts.victims import Victim, need

# Losses of which a network that was trained has less than a new one.
LOSSES = r'train/loss/(rec/.*|rew|con|say|bc)'


class Left(NamedTuple):
  """What a training has finished.

  Attributes:
    steps: in the replay.
    log: step, updates and loss of each line about updates.
    saved: updates of the checkpoints, by their steps.
  """

  steps: int
  log: list[tuple[int, int, float]]
  saved: dict[int, int]


class Training(Victim):
  """A training, with environments or without; `learns` says whether its
  losses fall at once."""

  def __init__(self, folder, *argv, learns=True):
    super().__init__(
      folder, 'ponderdream.train', *argv, '--logdir', folder,
      '--run.steps', '1e6', '--run.save_every', '2', '--run.log_every', '1',
      '--run.report_every', '1e6', '--replay.capacity', '100000',
    )  # fmt: skip
    self.learns = learns

  def chunks(self):
    """The complete chunks of the replay."""
    for path in sorted((self.folder / 'replay').glob('*.chunk')):
      try:
        yield chunks.Chunk.open(files.beside(path), path.name)
      except (chunks.ChunkError, FileNotFoundError):
        continue  # is being written at this moment

  def log(self):
    for line in lines(self.folder / 'metrics.jsonl'):
      losses = [v for k, v in line.items() if re.fullmatch(LOSSES, k)]
      if losses:
        yield line['step'], int(line['run/updates']), sum(losses)

  def progress(self):
    return len(list(self.log()))

  def saved(self):
    for path in (self.folder / 'checkpoints').glob('[0-9]*/meta/metadata'):
      name = path.parent.parent.name
      if name.isdigit():
        try:
          yield int(name), json.loads(path.read_bytes())['updates']
        except FileNotFoundError:
          continue  # a newer one has come

  def look(self):
    steps = max((x.total for x in self.chunks()), default=0)
    return Left(steps, list(self.log()), dict(self.saved()))

  def keeps(self, before, after):
    need(after.steps >= before.steps, f'Steps: {before.steps} {after.steps}')
    need(after.log[: len(before.log)] == before.log, 'Lines of the log.')
    need(max(after.saved) >= max(before.saved), 'A checkpoint.')

  def resumed(self, left):
    pattern = r'Resuming at step (\d+), .* checkpoint of (\d+)'
    found = re.search(pattern, self.output.read_text())
    if not found:
      return False
    step, checkpoint = map(int, found.groups())
    need(checkpoint == max(left.saved), f'Checkpoint {checkpoint} of {left}.')
    right = left.steps if left.steps else checkpoint
    need(step == right, f'It went on at {step}, not at {right}.')
    new = list(self.log())[len(left.log) :]
    if new:
      updates = left.saved[checkpoint]
      need(new[0][0] >= step, f'The log went on at {new[0]}, not {step}.')
      need(new[0][1] >= updates, f'{new[0]} after {updates} updates.')
    if new and self.learns:
      losses = [x[2] for x in left.log]
      # New networks would have lost more than half of what was learnt.
      most = losses[-1] + (losses[0] - min(losses)) / 2
      need(new[0][2] <= most, f'The loss is {new[0][2]}, above {most}.')
    return True

  def begin(self):
    self.start()
    self.finish()

  def finish(self):
    """Stops it after some more progress."""
    self.wait_for_progress()
    self.process.terminate()
    super().finish()

  def whole(self, kills):
    """Checks the streams of the replay, and the lines of episodes: a kill may
    come between the last step of one and its line."""
    steps, ends = 0, 0
    for parts in self.streams().values():
      first, last, *count = joined(parts)
      steps, ends = steps + len(first), ends + int(last.sum())
      begins = np.append(True, last[:-1])
      need((first == begins).all(), f'{self.folder} mixes episodes.')
      for own in count:  # the environment's own
        need((np.diff(own)[~first[1:]] == 1).all(), 'Steps are missing.')
    total = self.look().steps
    need(steps == total, f'{total} steps, and {steps} in the chunks.')
    told = len(list(lines(self.folder / 'scores.jsonl')))
    need(0 <= ends - told <= kills, f'{told} lines of {ends} episodes.')
    log = self.look().log
    return {
      'steps': steps, 'episodes': ends, 'episodes_not_told': ends - told,
      'updates': log[-1][1], 'loss': [log[0][2], log[-1][2]],
    }  # fmt: skip

  def streams(self):
    found = {}
    for chunk in self.chunks():
      found.setdefault(chunk.stream, []).append(chunk)
    return found


def joined(parts):
  """Columns `is_first`, `is_last` and, if it is there, `step` of a stream."""
  parts = sorted(parts, key=lambda x: x.offset)
  ends = np.cumsum([0, *(x.count for x in parts)])
  need([x.offset for x in parts] == ends[:-1].tolist(), 'A chunk is missing.')
  keys = [k for k in ('is_first', 'is_last', 'step') if k in parts[0].schema]
  return [
    np.concatenate([x.columns()[k][: x.count] for x in parts]) for k in keys
  ]


def lines(path):
  """The complete lines of a log."""
  for line in path.read_bytes().split(b'\n')[:-1] if path.exists() else ():
    yield json.loads(line)
