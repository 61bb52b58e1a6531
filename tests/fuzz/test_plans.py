"""Odd captions and LRXC records: read, or refused in a sentence."""

import json
import pathlib

import pytest
from hypothesis import strategies as st

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


def records(rng):
  """Lines of an episode with its nodes, damaged."""
  values = [{'episode': episode()}, *({'node': x} for x in NODES)]
  which = rng.randrange(len(values))
  values[which] = mutate.odd_json(rng, values[which])
  if rng.random() < 0.2:
    rng.shuffle(values)
  lines = [json.dumps(x) for x in values]
  if rng.random() < 0.2:
    lines[which] = rng.choice(['[', '{"node":', '9']) * rng.choice([1, 10**4])
  return lines


def damaged(rng):
  """The captions with some damage."""
  data = mutate.flipped(rng, CAPTIONS.encode())
  return mutate.flipped(rng, data) if rng.random() < 0.5 else data


RECORDS = st.builds(records, mutate.RANDOM)
TEXTS = st.builds(damaged, mutate.RANDOM)
KEPT_RECORDS = ([], ['[' * 10**5], ['{"node":' * 10**4], ['9' * 5000])
KEPT_TEXTS = (b'', b'WEBVTT', b'\xff\xfe', b'00:01 --> 99999999999:00\na')


def taken(read, *arguments):
  """What `read` returns; None if it refused in a sentence."""
  try:
    return read(*arguments)
  except UsageError as error:
    assert 10 < len(str(error)) < 600
    return None


def check_records(lines):
  read = lambda: list(
    jsonl.parse(list(enumerate(lines, 1)), pathlib.Path('a.jsonl'))
  )
  return taken(read)


def check_captions(data):
  cues = taken(lambda: captions.parse(captions.decode(data, 'a.vtt')))
  assert cues is None or all(x.t0 <= x.t1 for x in cues)
  return cues


def fuzz(count, new=False):
  """How many plans, and how many captions, were taken."""
  plans, _ = mutate.fuzz(check_records, RECORDS, count, KEPT_RECORDS, new)
  texts, _ = mutate.fuzz(check_captions, TEXTS, count, KEPT_TEXTS, new)
  return plans, texts


def test_two_hundred_odd_plans_and_captions():
  plans, texts = fuzz(200)
  assert 0 < plans < 150 and texts > 20


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_odd_plans_and_captions():
  assert min(fuzz(20000, new=True)) > 100
