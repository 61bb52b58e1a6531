"""The state of a challenge in words, for people and for text encoders."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embodied.envs.battlefactory import install, rules
from embodied.envs.battlefactory.challenge import Mon
from embodied.envs.battlefactory.observation import BAR, Scene

STATUSES = {
  'brn': 'burned', 'par': 'paralysed', 'psn': 'poisoned',
  'tox': 'badly poisoned', 'slp': 'asleep', 'frz': 'frozen',
}  # fmt: skip
STAGES = ('attack', 'defence', 'special attack', 'special defence', 'speed',
          'accuracy', 'evasion')  # fmt: skip


def told(scene: Scene) -> str:
  """A few lines about everything that an observation shows."""
  head = _head(scene)
  if scene.phase == 'battle' and scene.view is not None:
    return '\n'.join([head, *_battle(scene, scene.view)])
  challenge = scene.challenge
  if scene.phase == 'swap':
    lines = ['Your team:', *map(described, challenge.team)]
    return '\n'.join(
      [head, *lines, 'You may take:', *map(described, challenge.beaten)]
    )
  chosen = ', '.join(challenge.offer[i].name for i in scene.picks)
  lines = [described(x) for x in challenge.offer]
  return '\n'.join([head, f'Chosen: {chosen or "nobody yet"}.', *lines])


def _head(scene: Scene) -> str:
  challenge = scene.challenge
  battle = challenge.streak % rules.BATTLES + 1
  text = f'Round {challenge.round + 1}, battle {battle}.'
  if rules.is_noland(challenge.streak):
    return f'{text} The Factory Head is next.'
  kind, style = challenge.hint()
  favours = f'favours {kind} and ' if kind else ''
  return f'{text} The opponent {favours}plays {style}.'


def described(mon: Mon) -> str:
  """A rental on one line."""
  facts = install.data()
  moves = ', '.join(facts['moves'][x]['name'] for x in mon.moves)
  item = facts['items'].get(mon.row.item, 'nothing')
  return f'{mon.name} ({"/".join(mon.facts["types"])}): {moves}; holds {item}.'


def _battle(scene: Scene, view: dict[str, Any]) -> list[str]:
  assert scene.memory is not None
  team, foes = scene.challenge.team, scene.challenge.foe
  lines = [f'Turn {view["turn"]}.']
  if view['weather']:
    lines[0] += f' The weather is {view["weather"]}.'
  for i, mon in enumerate(team):
    hp, most, status, *_ = view['me'][i]
    field = view['field'][0] if view['active'][0] == i else None
    lines.append(f'Your {mon.name} {_state(hp / most, status, field)}.')
  lines.append(f'Moves: {", ".join(_moves(view)) or "none"}.')
  for i, mon in enumerate(foes):
    if not scene.memory.seen[i].shown:
      continue
    bar, status = view['foe'][i]
    field = view['field'][1] if view['active'][1] == i else None
    text = f'Their {mon.name} {_state(bar / BAR, status, field)}'
    known = [install.data()['moves'][x]['name'] for x in scene.foes[i]]
    lines.append(f'{text}, knows {", ".join(known) or "no move yet seen"}.')
  return lines


def _moves(view: dict[str, Any]) -> list[str]:
  names = install.data()['moves']
  return [
    f'{names[move]["name"]} {points}'
    for (move, points, _), usable in zip(
      view['moves'], view['mask'][:4], strict=False
    )
    if usable
  ]


def _state(share: float, status: str, field: Any) -> str:
  """How somebody is, and where: in battle if there is a `field`."""
  if not share:
    return 'has fainted'
  ill = f' ({STATUSES[status]})' if status else ''
  where = ' waits' if field is None else _field(field)
  return f'{max(1, round(100 * share))}%{ill}{where}'


def _field(field: dict[str, Any]) -> str:
  changed = [
    f'{name} {value:+d}'
    for name, value in zip(STAGES, field['boosts'], strict=True)
    if value
  ]
  return f' is in battle{" with " if changed else ""}{", ".join(changed)}'


EVENTS = {
  'move': '{who} used {1}.', 'switch': '{who} came in.',
  'drag': '{who} was dragged in.', 'faint': '{who} fainted.',
  'cant': '{who} cannot move.', '-miss': '{who} missed.',
  '-supereffective': 'It is super effective.', '-crit': 'A critical hit.',
  '-resisted': 'It is not very effective.', '-fail': 'It failed.',
  '-immune': 'It has no effect.', '-status': '{who} is {ill} now.',
}  # fmt: skip


def happened(lines: Iterable[str]) -> list[str]:
  """What the lines of a log tell, in words."""
  found = []
  for line in lines:
    _, kind, *parts = line.split('|')
    if kind not in EVENTS:
      continue
    side, _, name = parts[0].partition(': ')
    who = f'{"Your" if side.startswith("p1") else "Their"} {name}'
    ill = STATUSES.get(parts[-1], '') if kind == '-status' else ''
    if kind != '-status' or ill:
      found.append(EVENTS[kind].format(*parts, who=who, ill=ill))
  return found


def encoded(text: str, length: int) -> NDArray[np.uint8]:
  """UTF-8 of a text, uint8 `[length]`, cut or filled with zeros."""
  found = np.zeros(length, np.uint8)
  data = text.encode()[:length].decode(errors='ignore').encode()
  found[: len(data)] = np.frombuffer(data, np.uint8)
  return found
