"""The words of a commentary on Crafter and on the Battle Factory."""

from collections.abc import Sequence
from typing import Any

import numpy as np

NUMBERS = (
  'zero one two three four five six seven eight nine ten eleven twelve'
).split()

# Verb of a goal -> ways to say it; the first one is plain. {x} is the object.
DEEDS: dict[str, tuple[str, ...]] = {
  'survive': (
    'survive and unlock everything',
    'stay alive and get every achievement',
    'tick off the whole list without dying',
  ),
  'collect': ('collect {x}', 'get {x}', 'grab {x}', 'gather {x}', 'mine {x}'),
  'make': ('make {x}', 'craft {x}', 'build myself {x}', 'put together {x}'),
  'place': ('place {x}', 'put down {x}', 'set up {x}'),
  'go': ('go to {x}', 'walk over to {x}', 'head for {x}', 'get to {x}'),
  'find': ('find {x}', 'look for {x}', 'search for {x}', 'track down {x}'),
  'drink': ('drink some water', 'get a drink', 'have some water'),
  'eat': ('eat {x}', 'have {x} for dinner', 'fill up on {x}'),
  'sleep': ('sleep', 'get some sleep', 'take a nap', 'lie down for a bit'),
  'rest': ('rest', 'recover a bit', 'get my health back'),
  'wait': ('wait for the day', 'sit out the night', 'wait until morning'),
  'build': (
    'build a shelter',
    'wall myself in',
    'make a little hideout',
    'close myself in with stone',
  ),
  'defeat': ('defeat {x}', 'fight {x}', 'take out {x}', 'deal with {x}'),
  'fence': ('fence the plant', 'wall off my plant', 'protect the sapling'),
  'explore': ('look around', 'explore a bit', 'see what is out here'),
  'draft': ('draft a team', 'pick my team', 'choose my three'),
  'improve': ('improve the team', 'see if a swap is worth it'),
  'knock_out': ('knock out {x}', 'take out {x}', 'beat {x}', 'get rid of {x}'),
  'hit': ('hit its weakness', 'go for the weakness', 'hit it where it hurts'),
  'finish': ('finish it', 'finish {x} off', 'end this'),
  'wear_down': ('wear it down', 'chip away at {x}', 'get some damage in'),
  'bring_in': ('bring in {x}', 'switch to {x}', 'send in {x}'),
  'lull': ('put it to sleep', 'make it fall asleep'),
  'paralyse': ('slow it down', 'paralyse it'),
  'poison': ('poison it', 'put it on a timer'),
  'burn': ('burn it', 'give it a burn'),
  'seed': ('drain it', 'seed it'),
  'confuse': ('confuse it', 'make it hit itself'),
  'strengthen': ('get stronger', 'set up a bit', 'boost my stats'),
  'recover': ('recover', 'heal up', 'get some health back'),
}
# Goals whose words do not follow from verb and object.
SPECIAL = {
  ('place', 'plant'): ('plant a sapling', 'put the sapling in the ground'),
  ('find', 'grass'): ('find a place for a plant', 'look for a good spot'),
}
# Object -> names with their articles; the first one is plain.
THINGS: dict[str, tuple[str, ...]] = {
  'wood': ('wood', 'logs', 'some timber'),
  'stone': ('stone', 'some rocks', 'cobble'),
  'coal': ('coal', 'some coal', 'the black stuff'),
  'iron': ('iron', 'some iron', 'iron ore'),
  'diamond': ('a diamond', 'the diamond', 'that shiny diamond'),
  'sapling': ('a sapling', 'a little sapling', 'one of those saplings'),
  'tree': ('a tree', 'the trees', 'that tree'),
  'grass': ('grass', 'some grass', 'the meadow'),
  'water': ('water', 'the water', 'the lake'),
  'cow': ('a cow', 'the cow', 'some beef'),
  'plant': ('the plant', 'my plant', 'the crop'),
  'zombie': ('the zombie', 'that zombie', 'this green guy'),
  'skeleton': ('the skeleton', 'that skeleton', 'the bony archer'),
  'table': ('a table', 'a crafting table', 'my workbench'),
  'furnace': ('a furnace', 'the furnace', 'a smelter'),
}
OPENERS = ('okay', 'alright', 'so', 'now', 'okay so', 'right', 'next')
WISHES = (
  'i need to {y}',
  'we have to {y}',
  'i want to {y}',
  "i'm going to {y}",
  "let's {y}",
  'time to {y}',
  'my plan is to {y}',
  "i'll {y}",
)
LINKED = (
  'to {z} i need to {y}',
  'before i can {z} i have to {y}',
  "i'm going to {y} so that i can {z}",
  'i have to {y} in order to {z}',
  'if i want to {z} i need to {y} first',
)
ENDINGS = {
  'achieved': (
    'there we go', 'got it', 'nice that worked', 'perfect', 'done',
    'and that is done', 'awesome we did it',
  ),
  'failed': (
    "that didn't work", 'no luck', 'ah that failed', "i couldn't do it",
  ),
  'abandoned': (
    'never mind', 'forget that for now', 'okay leave it', 'later then',
  ),
}  # fmt: skip
# Said of the object of a goal that was achieved.
HAVES = ('got {x}', 'we have {x} now', "that's {x} done")
HAD = frozenset(['collect', 'make', 'eat', 'defeat'])
FILLERS = ('uh', 'um', 'like', 'you know', 'i mean', 'basically', 'well')
CORRECTIONS = ('no wait', 'i mean', 'sorry', 'actually no')
ASIDES = (
  'by the way thank you all for the comments on the last video',
  'my coffee is cold again',
  'if you are new here think about subscribing',
  'the music in this part always makes me sleepy',
  'i had the strangest dream last night',
  'my neighbour is drilling again i hope you cannot hear that',
  'somebody asked which keyboard this is',
  'we played football on sunday and my knee still hurts',
  'this video took forever to upload',
  'say hello to my cat she just jumped on the desk',
)
MISHEARD = {
  'wood': 'would', 'iron': 'ion', 'coal': 'cole', 'cow': 'cal',
  'sapling': 'sampling', 'table': 'cable', 'stone': 'stoned', 'need': 'knead',
  'diamond': 'diamonds', 'furnace': 'furnish', 'water': 'order',
  'pickaxe': 'pick axe', 'zombie': 'zombies', 'to': 'two',
}  # fmt: skip


class Speaker:
  """Finds words.

  Args:
    random: of its choices.
    plain: share of its phrases that are the plainest.
  """

  def __init__(self, random: np.random.Generator, plain: float) -> None:
    self.random = random
    self.plain = plain

  def announcement(
    self, node: dict[str, Any], above: dict[str, Any] | None
  ) -> list[str]:
    """That the goal `node` is begun, for the sake of the goal `above`."""
    deed = self.deed(node)
    if above is None or above['parent_id'] is None:
      words = self._any(WISHES).format(y=deed)
      if node['why'] and above is not None:
        words = f'{words} because {node["why"]}'
    else:
      words = self._any(LINKED).format(y=deed, z=self.deed(above))
    if self.random.random() < 0.6:
      words = f'{self._any(OPENERS)} {words}'
    return words.split()

  def ending(self, node: dict[str, Any]) -> list[str]:
    """That the goal was achieved, failed, or was given up."""
    words = self._any(ENDINGS[node['status']])
    verb, thing = _canonical(node)
    if node['status'] == 'achieved' and verb in HAD:
      if self.random.random() < 0.5:
        words = self._any(HAVES).format(x=self._thing(thing, 1))
    return words.split()

  def aside(self) -> list[str]:
    return self._any(ASIDES).split()

  def deed(self, node: dict[str, Any]) -> str:
    """The goal as an infinitive."""
    verb, thing = _canonical(node)
    ways = SPECIAL.get((verb, thing)) or DEEDS.get(verb)
    if ways is None:
      return str(node['text'])
    count = node['canonical']['count'] or 1
    return self._way(ways).format(x=self._thing(thing, count))

  def garbled(
    self,
    words: Sequence[str],
    corrections: float,
    fillers: float,
    misheard: float,
  ) -> list[str]:
    """The words as they come out of mouth and machine."""
    out: list[str] = []
    if self.random.random() < corrections and len(words) > 3:
      out += [*words[:3], *self._any(CORRECTIONS).split()]
    for word in words:
      if self.random.random() < fillers:
        out += self._any(FILLERS).split()
      wrong = self.random.random() < misheard
      out += (MISHEARD.get(word, word) if wrong else word).split()
    return out

  def _thing(self, thing: str, count: int) -> str:
    if thing not in THINGS:
      words = thing.replace('_', ' ')
      return f'{"an" if words[:1] in tuple("aeiou") else "a"} {words}'
    name = self._way(THINGS[thing])
    if count == 1:
      return name
    bare = THINGS[thing][0].removeprefix('a ')
    return f'{NUMBERS[count] if count < len(NUMBERS) else count} {bare}'

  def _way(self, ways: Sequence[str]) -> str:
    plain = self.random.random() < self.plain
    return ways[0] if plain else self._any(ways)

  def _any(self, ways: Sequence[str]) -> str:
    return ways[int(self.random.integers(len(ways)))]


def _canonical(node: dict[str, Any]) -> tuple[str, str]:
  said = node['canonical']
  return said['verb'], said['object'] or ''
