"""Odd captions and LRXC records: read, or refused in a sentence."""

import json
import pathlib
import random

import pytest

from embodied.errors import UsageError
from ponderdream.lrxc import captions, jsonl
from tests.fuzz import mutate
from tests.lrxc.plans import NODES, episode

CAPTIONS = """WEBVTT

NOTE about it

00:01.000 --> 00:02.500 align:start
I need <c>wood</c> &amp; <00:01.500><c> stone</c>

3
00:00:03,000 --> 00:00:04,000
then a table
"""


def refused_or(make, seed):
  """What `make` returns; None if it was refused in a sentence."""
  try:
    return make()
  except UsageError as error:
    assert 10 < len(str(error)) < 600, seed
    return None


def records(seed):
  """An episode with its nodes, damaged."""
  rng = random.Random(seed)
  values = [{'episode': episode()}, *({'node': x} for x in NODES)]
  which = rng.randrange(len(values))
  values[which] = mutate.odd_json(rng, values[which])
  if rng.random() < 0.2:
    rng.shuffle(values)
  lines = [json.dumps(x) for x in values]
  if rng.random() < 0.2:
    lines[which] = rng.choice(['[', '{"node":', '9']) * rng.choice([1, 10**4])
  return list(enumerate(lines, 1))


def fuzz(seeds):
  taken = 0
  for seed in seeds:
    read = lambda: list(jsonl.parse(records(seed), pathlib.Path('a.jsonl')))  # noqa: B023
    taken += refused_or(read, seed) is not None
    rng = random.Random(seed)
    data = mutate.flipped(rng, CAPTIONS.encode())
    for text in (data, mutate.flipped(rng, data)):
      cues = refused_or(
        lambda: captions.parse(captions.decode(text, 'a.vtt')),  # noqa: B023
        seed,
      )
      assert cues is None or all(x.t0 <= x.t1 for x in cues), seed
  return taken


def test_two_hundred_odd_plans_and_captions():
  assert 0 < fuzz(range(200)) < 150


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_odd_plans_and_captions():
  assert fuzz(range(20000)) > 100
