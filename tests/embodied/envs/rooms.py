"""Rooms as text, and the rules of Sokoban written a second time."""

import collections

from embodied.envs.fast_sokoban import levels

WAYS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def board(text, kind='rows'):
  """The rows of an indented drawing; or one text of them."""
  rows = [x.strip() for x in text.strip().splitlines()]
  return rows if kind == 'rows' else '\n'.join(rows)


def drawn(cells):
  """Classes of cells `[H, W]` as rows of characters."""
  return [''.join(levels.CHARACTERS[x] for x in row) for row in cells]


def write(folder, text):
  """Writes a level file into a folder, which is returned."""
  folder.mkdir(exist_ok=True)
  rows = [x.strip() for x in text.strip().splitlines()]
  (folder / 'levels.txt').write_text('; 0\n' + '\n'.join(rows) + '\n')
  return folder


def parsed(room):
  """Walls, targets and boxes as sets of places, and the player's place."""
  found = collections.defaultdict(set)
  for row, line in enumerate(room):
    for column, char in enumerate(line):
      for kind in {'*': '$.', '+': '@.'}.get(char, char):
        found[kind].add((row, column))
  return found['#'], found['.'], found['$'], next(iter(found['@']))


def moved(room, action):
  """The room after an action, and the reward."""
  walls, targets, boxes, player = parsed(room)
  ahead = lambda x: (x[0] + WAYS[action][0], x[1] + WAYS[action][1])
  there, before = ahead(player), len(boxes & targets)
  if there in boxes and ahead(there) not in walls | boxes:
    boxes = boxes - {there} | {ahead(there)}
  if there not in walls | boxes:
    player = there
  reward = -0.1 + len(boxes & targets) - before
  reward += 10 if boxes <= targets else 0
  out = []
  for row, line in enumerate(room):
    out.append('')
    for column in range(len(line)):
      place = row, column
      char = ' .'[place in targets]
      char = '$*'[place in targets] if place in boxes else char
      char = '@+'[place in targets] if place == player else char
      out[-1] += '#' if place in walls else char
  return out, reward


def fewest(room):
  """The fewest pushes that solve a room, by trying everything; None if nothing
  does."""
  walls, targets, boxes, player = parsed(room)

  def reached(boxes, player):
    queue, seen = [player], {player}
    for x in queue:
      for dy, dx in WAYS:
        y = x[0] + dy, x[1] + dx
        if y not in walls and y not in boxes and y not in seen:
          seen.add(y)
          queue.append(y)
    return frozenset(seen)

  start = frozenset(boxes), reached(boxes, player)
  queue, depth = [start], {start: 0}
  for state in queue:
    boxes, region = state
    if boxes <= targets:
      return depth[state]
    for box in boxes:
      for dy, dx in WAYS:
        there = box[0] + dy, box[1] + dx
        if (box[0] - dy, box[1] - dx) not in region:
          continue
        if there in walls or there in boxes:
          continue
        after = boxes - {box} | {there}
        child = after, reached(after, box)
        if child not in depth:
          depth[child] = depth[state] + 1
          queue.append(child)
  return None
