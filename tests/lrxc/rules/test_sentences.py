"""What single sentences are taken to want, without punctuation."""

import pytest

from ponderdream.lrxc import rules
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.lexicons import CRAFTER
from ponderdream.lrxc.rules import grammar

PACE = 0.4  # seconds of a word


def branches(*texts, gap=2.0):
  """What is found in sentences with a pause of `gap` seconds between them."""
  words, t = [], 0.0
  for text in texts:
    for each in text.split():
      words.append(Word(each, t, t + 0.3))
      t += PACE
    t += gap
  return rules.extract(words, CRAFTER, 0.0, t + 60)


def wanted(*texts):
  """Goals that were said, outer ones first."""
  return '/'.join(x.goal.text for x in branches(*texts) if x.said)


@pytest.mark.parametrize('text, goals', [
  ('we need some wood', 'collect wood'),
  ("right let's see about getting a stone pickaxe", 'make stone pickaxe'),
  ('next on the list is a furnace', 'place furnace'),
  ('what we want to do now is find ourselves some coal', 'collect coal'),
  ('where on earth is all the coal', 'collect coal'),
  ("it's getting dark so I want to dig in somewhere", 'build shelter'),
  ("I'll plonk the table right here", 'place table'),
  ('table down', 'place table'),
  ('okay wood wood wood', 'collect wood'),
  ('punching grass to get a sapling', 'collect sapling'),
  ('we are really low on water', 'drink water'),
  ('I think I will go back to my table', 'go table'),
  ('my plan is to place a table', 'place table'),
  ('next time to go and get some wood', 'collect wood'),
  ("let's go to a cow", 'go cow'),
  ("I'm taking a nap in my shelter", 'sleep'),
  ('run away from that skeleton', 'flee skeleton'),
  ("I'm going to survive and unlock everything", 'survive everything'),
])  # fmt: skip
def test_wishes(text, goals):
  assert wanted(text) == goals


@pytest.mark.parametrize('text', [
  "there's a cow over there",
  "that's a lot of iron over there",
  'I was going to get wood but there are no trees here',
  "I don't need any more stone",
  'you can make a sword with that later on',
  'in the last video we built a furnace and then we made a sword',
  'if I had a sapling I could plant it',
  'my brother made a table for his kitchen',
  "I'd make an iron sword but I only have one iron",
  "hello everyone welcome to the stream don't forget to like",
  'zombies keep hitting me with a stone',
  '',
])  # fmt: skip
def test_what_is_no_wish(text):
  assert wanted(text) == ''


@pytest.mark.parametrize('text, goals', [
  ('I need five more wood for the table', 'place table/collect wood'),
  ('to make a pickaxe you need a table',
   'make wood pickaxe/place table'),
  ('we need iron so that we can make a sword',
   'make iron sword/collect iron'),
  ('in order to get diamonds I have to make an iron pickaxe',
   'collect diamond/make iron pickaxe'),
  ("I'm cutting down trees because I want a table",
   'place table/collect wood'),
  ('the iron pickaxe needs coal', 'make iron pickaxe/collect coal'),
  ('for the fence we need stone and for stone a pickaxe',
   'fence plant/collect stone/make wood pickaxe'),
])  # fmt: skip
def test_what_serves_what(text, goals):
  found = [x for x in branches(text) if x.said]
  assert '/'.join(x.goal.text for x in found) == goals
  parents = [x.parent for x in found]
  assert parents == list(range(len(found)))  # each below the one before


@pytest.mark.parametrize(
  'text, goal',
  [
    ("let's get some iron no wait coal first", 'collect coal'),
    ("let's make a pickaxe I mean a sword", 'make wood sword'),
    ("I'm going to rest I mean dig a shelter", 'rest/build shelter'),
  ],
)
def test_slips_of_the_tongue(text, goal):
  assert wanted(text) == goal


def test_what_is_forgotten_in_the_breath_of_a_wish_was_before_it():
  _, coal, water = branches(
    "let's mine coal", 'I want to drink water forget it'
  )
  assert (coal.status, water.status) == ('abandoned', 'ongoing')
  _, coal = branches("let's mine coal", 'forget it')
  assert coal.status == 'abandoned'


def test_a_reason_ends_where_a_new_wish_begins():
  found = branches("let's mine coal because it is near okay I want to drink")
  assert [x.goal.text for x in found[1:]] == ['collect coal', 'drink water']
  assert found[1].why == 'because it is near'


def test_in_a_long_speech_deeds_are_a_little_before_the_words():
  _, coal, water = branches("let's mine some coal now I want to drink")
  assert water.t0 == pytest.approx(4 * PACE - 1.0)  # 'now' is the fifth word
  assert coal.t1 == water.t0


@pytest.mark.parametrize(
  'second, status',
  [
    ('got it', 'achieved'),
    ("that's enough wood", 'achieved'),
    ('nice', 'achieved'),
    ('we collected the wood', 'achieved'),
    ('never mind forget about the wood', 'abandoned'),
    ("that didn't work", 'failed'),
    ("oh no I'm dead", 'failed'),
    ('what a nice day it is out here', 'ongoing'),
  ],
)
def test_endings(second, status):
  (wood,) = (x for x in branches("let's get wood", second) if x.parent == 0)
  assert wood.status == status
  # 3 words of .4 seconds, a pause of 2, then the words up to the ending.
  if status != 'ongoing':
    assert 3.2 < wood.t1 <= 3.2 + PACE * len(second.split())


def test_an_interruption_ends_goals_and_they_are_taken_up_again():
  found = branches(
    'I want an iron pickaxe',
    "so let's look for iron",
    "oh I'm thirsty let me drink",
    "that's better",
    'now back to looking for iron',
    'got it',
  )
  rows = [
    ('' if x.parent is None else found[x.parent].goal.text, x.goal.text,
     x.status)
    for x in found
  ]  # fmt: skip
  assert rows == [
    ('', 'survive everything', 'ongoing'),
    ('survive everything', 'make iron pickaxe', 'abandoned'),
    ('make iron pickaxe', 'collect iron', 'abandoned'),
    ('survive everything', 'drink water', 'achieved'),
    ('survive everything', 'make iron pickaxe', 'ongoing'),
    ('make iron pickaxe', 'collect iron', 'achieved'),
  ]
  assert [x.said for x in found] == [False, True, True, True, False, True]


def test_what_a_video_is_about_is_the_root():
  found = branches('today I want to get a diamond', 'first we need wood')
  assert [(x.goal.text, x.parent) for x in found] == [
    ('collect diamond', None), ('collect wood', 0),
  ]  # fmt: skip


def test_things_named_in_one_breath_share_the_time():
  found = branches('wooden pickaxe wooden sword', 'both done')
  pickaxe, sword = found[1:]
  assert pickaxe.t1 == sword.t0
  assert pickaxe.t1 - pickaxe.t0 == pytest.approx(sword.t1 - sword.t0)


def test_counts_quotes_and_reasons():
  _, table, wood = branches('get five wood', 'because I want a table')
  assert table.goal.text == 'place table'
  assert wood.count == 5 and wood.text == 'collect 5 wood'
  assert wood.evidence == [(0.0, pytest.approx(1.1), 'get five wood')]
  assert wood.why == 'because I want a table'


def test_sentences_end_at_pauses_and_marks():
  words = [Word(x, i, i + 0.5) for i, x in enumerate('a b. c, d'.split())]
  words += [Word('e', 9, 9.5)]
  found = [list(x.tokens) for x in grammar.sentences(words)]
  assert found == [['a', 'b'], ['c', ',', 'd'], ['e']]
