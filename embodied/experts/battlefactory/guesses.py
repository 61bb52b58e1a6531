"""Which sets the opponent's Pokemon may have.

The Factory draws from a table of sets that players know: those of a round are
rarely two of one species. So who is seen is nearly known; who is not yet seen
is any of the round.
"""

from collections.abc import Sequence

import numpy as np

from embodied.envs.battlefactory import rules, sets
from embodied.envs.battlefactory.challenge import FORMS, Mon
from embodied.envs.battlefactory.observation import Scene


def guesses(
  scene: Scene, random: np.random.Generator, count: int
) -> list[list[Mon]]:
  """Up to `count` sets for each of the opponent's Pokemon, in their order."""
  challenge, memory = scene.challenge, scene.memory
  assert memory is not None
  first, last = rules.sets_of(challenge.mode, challenge.round)
  table = sets.table(challenge.sets)
  species = [FORMS.get(x.species, x.species) for x in table]
  rounds = range(first, last + 1)
  shown = [
    x.species
    for x, seen in zip(challenge.foe, memory.seen, strict=True)
    if seen.shown
  ]
  taken = {*shown, *(x.species for x in challenge.team), sets.UNUSED}
  others = [k for k in rounds if species[k] not in taken]
  found = []
  for mon, seen in zip(challenge.foe, memory.seen, strict=True):
    fit = others
    if seen.shown:
      same = [k for k, x in enumerate(species) if x == mon.species]
      fit = [k for k in same if k in rounds] or same
      used = [k for k in fit if {*seen.moves} <= {*table[k].moves}]
      fit = used or fit
    numbers = fit
    if len(fit) > count:
      numbers = random.choice(fit, count, replace=False).tolist()
    found.append([_mon(scene, k, seen.ability) for k in numbers])
  return found


def _mon(scene: Scene, number: int, ability: str) -> Mon:
  """A Pokemon of the opponent with this set."""
  challenge = scene.challenge
  row = sets.table(challenge.sets)[number]
  iv = rules.foe_iv(challenge.streak)
  mon = Mon(number, row, iv, ability, 'N', rules.LEVELS[challenge.mode])
  known: Sequence[str] = mon.facts['abilities']
  return mon._replace(ability=ability or known[0])
