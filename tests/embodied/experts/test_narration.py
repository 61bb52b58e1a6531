"""Commentary says what the plan says, and looks like automatic captions."""

import re

import numpy as np
import pytest

from embodied.errors import UsageError
from embodied.experts import narration, phrases
from embodied.experts.narration import STYLES, Cue, narrate, vtt
from embodied.experts.plan import Goal, Plan

ALL = Goal('survive', 'survive', 'everything')
PICK = Goal('make a wood pickaxe', 'make', 'wood_pickaxe')
WOOD = Goal('collect 5 wood', 'collect', 'wood', 5, 'tools need wood')
ACT = Goal('interact', 'do')
STAMP = re.compile(r'(\d\d):(\d\d):(\d\d\.\d{3})')


@pytest.fixture(scope='module')
def nodes():
  """Wood for a pickaxe, which is achieved after 20 steps, and another one,
  which is given up; twenty times."""
  plan, stack = Plan(), (ALL, PICK, WOOD, ACT)
  for t in range(800):
    phase = t % 40
    ended = [(WOOD, 'achieved'), (PICK, 'achieved')] if phase == 20 else ()
    if phase == 0:
      ended = [(WOOD, 'abandoned'), (PICK, 'failed')]
    plan.tell(t, stack, ended if t else ())
  return plan.nodes(800)


@pytest.mark.parametrize('noise', STYLES)
def test_cues_are_in_order_and_reproducible(nodes, noise):
  cues = narrate(nodes, 1.0, noise, 3)
  assert cues == narrate(nodes, 1.0, noise, 3)
  assert cues != narrate(nodes, 1.0, noise, 4)
  for cue, after in zip(cues, cues[1:], strict=False):
    assert cue.t0 < cue.t1 <= after.t0
    times = [t for t, _ in cue.words]
    assert times == sorted(times) and cue.t0 == times[0] <= cue.t1
    assert 1 <= len(cue.words) <= narration.LINE
  assert {x.node for x in cues} <= {x['node_id'] for x in nodes} | {None}


def test_with_little_noise_every_goal_is_announced_in_its_words(nodes):
  cues = narrate(nodes, 1.0, 'low', 0)
  for node in nodes:
    said = ' '.join(x.text for x in cues if x.node == node['node_id'])
    if node['text'] == 'interact':
      assert not said
    elif node['text'] == 'collect 5 wood':
      assert {'five', 'wood'} <= set(said.split())
    elif node['text'] == 'make a wood pickaxe':
      assert 'pickaxe' in said


def test_noise_costs_words_about_the_game(nodes):
  share = {}
  for noise in STYLES:
    cues = [x for s in range(5) for x in narrate(nodes, 1.0, noise, s)]
    share[noise] = np.mean([x.node is not None for x in cues])
  assert share['low'] == 1 > share['middle'] > share['high'] > 0.5


def test_speech_is_near_the_deed(nodes):
  # The delay of 'high' is 3 s, and a goal of 20 s may wait 12 s for its turn.
  starts = {x['node_id']: x['t0'] for x in nodes}
  ends = {x['node_id']: x['t1'] for x in nodes}
  for cue in narrate(nodes, 1.0, 'high', 1):
    if cue.node:
      assert starts[cue.node] - 2 <= cue.t0 <= ends[cue.node] + 3 + 12


def test_captions_by_hand():
  cues = [
    Cue(1.0, 2.0, ((1.0, 'i'), (1.5, 'need')), 0),
    Cue(2.0, 2.5, ((2.0, 'wood'),), 0),
  ]
  assert vtt(cues) == (
    'WEBVTT\nKind: captions\nLanguage: en\n\n'
    '00:00:01.000 --> 00:00:01.990 align:start position:0%\n'
    ' \ni<00:00:01.500><c> need</c>\n\n'
    '00:00:01.990 --> 00:00:02.000 align:start position:0%\n'
    'i need\n \n\n'
    # The line before rolls up; the last one stays for three seconds.
    '00:00:02.000 --> 00:00:05.490 align:start position:0%\n'
    'i need\nwood\n\n'
    '00:00:05.490 --> 00:00:05.500 align:start position:0%\n'
    'wood\n \n'
  )


def test_captions_never_run_backwards(nodes):
  text = vtt(narrate(nodes, 0.7, 'middle', 0))
  seconds = []
  for line in text.splitlines():
    if ' --> ' in line:
      for h, m, s in STAMP.findall(line):
        seconds.append(3600 * int(h) + 60 * int(m) + float(s))
  assert seconds == sorted(seconds)
  assert not re.search(r'[.,!?][ \n<]', re.sub(STAMP, '', text))


def test_every_goal_of_the_game_has_words():
  verbs = set(phrases.DEEDS)
  assert {'survive', 'collect', 'make', 'place', 'defeat', 'eat'} <= verbs
  speaker = phrases.Speaker(np.random.default_rng(0), 0.0)
  canonical = {'verb': 'make', 'object': 'iron_sword', 'count': 1}
  node = {'text': 'make an iron sword', 'canonical': canonical}
  assert 'an iron sword' in speaker.deed(node)
  canonical = {'verb': 'ponder', 'object': None, 'count': None}
  assert speaker.deed({'text': 'think', 'canonical': canonical}) == 'think'


def test_mistakes_are_named(nodes):
  with pytest.raises(UsageError, match="no noise 'lou'.*'low'"):
    narrate(nodes, 1.0, 'lou', 0)
  with pytest.raises(UsageError, match='more than 0'):
    narrate(nodes, 0.0, 'low', 0)
  assert narrate([], 1.0, 'low', 0) == []
