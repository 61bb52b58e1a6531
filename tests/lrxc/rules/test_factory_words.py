"""What is said in the Battle Factory."""

import pytest

from ponderdream.lrxc import rules
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.lexicons import BATTLEFACTORY


def wanted(text):
  """Goals that were said, outer ones first."""
  words = [Word(x, 0.4 * i, 0.4 * i + 0.3) for i, x in enumerate(text.split())]
  found = rules.extract(words, BATTLEFACTORY, 0.0, 60.0)
  return [x.goal.text for x in found if x.said]


@pytest.mark.parametrize('text, goals', [
  ("okay let's knock out the swampert", ['knock out swampert']),
  ('we need to take out this gyarados', ['knock out gyarados']),
  ("i'm going to switch to starmie", ['bring in starmie']),
  ('i want to draft a team', ['draft team']),
  ("let's win this battle", ['win battle']),
  ("now i'll take blissey", ['take blissey']),
  ('i have to recover', ['recover']),
  ('my coffee is cold again', []),
])  # fmt: skip
def test_sentences(text, goals):
  assert wanted(text) == goals


def test_the_words_are_those_of_the_game():
  species = [
    x for x in BATTLEFACTORY.nouns.values() if x in BATTLEFACTORY.usual
  ]
  assert len({*species}) == 386 + 4
  assert BATTLEFACTORY.goal('knock_out', 'mrmime').text == 'knock out mrmime'
