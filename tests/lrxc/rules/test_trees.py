"""Whole trees: valid whatever is said, and like those that people make."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied.errors import UsageError
from ponderdream.lrxc import captions, compare, extract, ingest, validate
from ponderdream.lrxc.captions import Word
from ponderdream.lrxc.lexicons import CRAFTER
from ponderdream.lrxc.rules import grammar
from scripts import spoken

PHRASES = sorted(' '.join(x) for x in grammar.table(CRAFTER))


def record(words):
  video = dict.fromkeys(
    ('video_id', 'title', 'channel', 'url', 'licence', 'retrieved_at', 'fps',
     'language', 'caption_kind', 'file')
  )  # fmt: skip
  return {
    'video': {**video, 'duration': 1.0, 'chapters': []},
    'words': ingest.pack(words),
  }


def tree(words):
  return extract.by_rules('crafter', 'v', record(words))


SENTENCES = """
next I want to get some wood | we need a table to make a pickaxe | got it
my plan is to make a stone pickaxe because tools come first | forget it
let's drink some water because I am thirsty | that zombie is dead | I died
okay never mind that now we collect six stone | I'm going to build a shelter
let's rest I mean dig a shelter | and now I sleep | that didn't work
the table needs two wood | because I want a table | let's go to a cow
wooden pickaxe wooden sword | in order to wait for the day I sleep
today I want to get a diamond | let's fight that skeleton | I chopped the wood
""".strip().replace('\n', ' | ').split(' | ')  # fmt: skip


@pytest.mark.parametrize('seed', range(40))
def test_long_talks_make_valid_trees(seed):
  rng = random.Random(seed)
  words, t = [], 0.0
  for _ in range(60):
    for text in rng.choice(SENTENCES).split():
      words.append(Word(text, t, t + 0.3))
      t += 0.4
    t += rng.choice([0, 0, 1, 20])
  found = tree(words)
  validate.check_episode(found.episode, found.nodes)
  assert len(found.nodes) > 10


@settings(max_examples=120, deadline=None)
@given(
  st.lists(
    st.tuples(
      st.sampled_from([*PHRASES, 'blah', '.', '?', '!,']),
      st.floats(0, 3, allow_nan=False),
    ),
    min_size=1,
    max_size=80,
  )
)
def test_any_words_make_a_valid_tree(said):
  words, t = [], 0.0
  for phrase, pause in said:
    for text in phrase.split():
      words.append(Word(text, t, t + 0.3))
      t += 0.3
    t += pause
  try:
    found = tree(words)
  except UsageError as error:
    assert 'English' in str(error)
    return
  validate.check_episode(found.episode, found.nodes)
  text = ' '.join(x.text for x in words)
  for node in found.nodes:
    for each in node.evidence:
      assert each.quote in text


def scores(names):
  total = compare.Score()
  for name in names:
    words = captions.words_of(captions.read(spoken.captions(name)))
    found = compare.spans(tree(words).nodes)
    total += compare.score(spoken.tree(name), found)
  return total.summary()


def test_hand_written_captions_the_rules_were_made_with():
  found = scores(spoken.TUNED)
  assert found['f1'] >= 0.85 and found['level'] >= 0.9


def test_hand_written_captions_the_rules_were_not_made_with():
  found = scores(spoken.HELD_OUT)
  assert found['f1'] >= 0.6


def test_the_trees_made_by_hand_obey_the_format():
  for name in spoken.NAMES:
    ends = {}
    nodes = spoken.tree(name)
    for node in nodes:
      above = nodes[node.parent] if node.parent is not None else None
      assert node.t0 < node.t1, (name, node)
      assert above is None or above.t0 <= node.t0 < node.t1 <= above.t1
      assert node.t0 >= ends.get(node.parent, 0), (name, node)
      ends[node.parent] = node.t1


def test_other_languages_are_refused():
  german = (
    'so jetzt brauchen wir erst einmal etwas Holz und dann bauen wir uns'
    ' einen Tisch damit wir eine Spitzhacke herstellen und Steine abbauen'
    ' können weil die Zombies uns sonst erwischen'
  ).split()
  words = [Word(x, i, i + 0.4) for i, x in enumerate(german)]
  with pytest.raises(UsageError, match='do not look like English'):
    tree(words)


def test_a_talk_without_goals_has_only_the_root():
  words = [Word('hello', 1, 2), Word('there', 2, 3)]
  found = tree(words)
  assert [x.text for x in found.nodes] == ['survive everything']
  assert found.nodes[0].source == 'inferred'


@pytest.mark.slow
def test_a_long_talk_takes_time_in_proportion():
  phrases = [x.split() for x in PHRASES]
  texts = [y for x in phrases for y in x]
  words = [
    Word(texts[i % len(texts)], i * 0.4, i * 0.4 + 0.3) for i in range(200_000)
  ]
  start = time.monotonic()
  assert len(tree(words).nodes) > 1000
  assert time.monotonic() - start < 120
