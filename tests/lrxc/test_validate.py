"""What is LRXC and what is not: each rule by hand, then by mutated plans,
against a checker that looks at every step."""

import copy
import json
import math
import random

import pydantic
import pytest

from embodied.errors import UsageError
from ponderdream.lrxc import jsonl, schema, validate
from ponderdream.lrxc.schema import Episode, Node
from tests.lrxc.plans import NODES, episode, node, plan, sound
from tests.naming import naming


def changed(number, **values):
  nodes = copy.deepcopy(NODES)
  nodes[number].update(values)
  return nodes


BAD_TREES = {
  'of another episode': (changed(2, episode_id='b'), 2, "'b'"),
  'numbers with a gap': (changed(3, node_id=9), 9, 3),
  'a span turned round': (changed(1, t0=4, t1=0), 1, '[4, 0)', 'end'),
  'an empty span': (changed(2, t1=0), 2, '[0, 0)'),
  'half a step': (changed(2, t1=1.5), 2, 1.5, 'steps'),
  'after the end': (changed(0, t1=13), 0, 13, 12),
  'out of order': ([NODES[0], *changed(1, t0=6, t1=7)[1:]], 2, 1, 'sort'),
  'a root below': (changed(0, level=1), 0, 1, 'root'),
  'its own parent': (changed(3, parent_id=3), 3, 'has the parent 3'),
  'its own grandchild': (changed(1, parent_id=2), 1, 'parent', 2),
  'a level too deep': (changed(2, level=3), 2, 3, 1),
  'outside of its parent': (changed(3, t1=5), 3, '[2, 5)', '[0, 4)'),
  'over its sibling': (changed(2, t1=3), 3, 2, 3),
  'two roots at once': (
    [NODES[0], node(1, None, 0, 9, 12, 'win')], 1, 9, 10, 'root'
  ),
  'evidence turned round': (
    changed(4, evidence=[{'t0': 4, 't1': 1, 'quote': 'oh'}]), 4, 'evidence'
  ),
  'evidence from elsewhere': (
    changed(4, evidence=[{'t0': 4, 't1': 99, 'quote': 'oh'}]), 4, 99
  ),
  'a picture of no step': (changed(2, goal_image_t=12), 2, 'goal_image_t', 12),
}  # fmt: skip


@pytest.mark.parametrize('name', BAD_TREES)
def test_each_rule_names_episode_and_node(name):
  nodes, number, *words = BAD_TREES[name]
  said = naming("'crafter-7'", f'node {number}', *words)
  with pytest.raises(UsageError, match=said) as caught:
    validate.check_episode(*plan(nodes))
  assert one_sentence(str(caught.value))
  assert not sound(episode(), nodes)


def test_the_plan_is_valid():
  validate.check_episode(*plan())
  assert sound(episode(), NODES)
  one_after_another = [
    node(0, None, 0, 0, 4, 'win'), node(1, None, 0, 4, 12, 'win again'),
  ]  # fmt: skip
  validate.check_episode(*plan(one_after_another))
  validate.check_episode(*plan([]))


BAD_EPISODES = {
  'a video that ends before it begins': (
    {'clock': 'seconds', 'n_steps': 0, 'has_actions': False,
     'has_rewards': False,
     'source': {'kind': 'youtube', 't_start_s': 9.0, 't_end_s': 3.0}},
    '9.0 s', '3.0 s',
  ),
  'steps without a rate': ({'clock': 'seconds'}, 'source.fps'),
  'actions without steps': ({'n_steps': 0}, 'has_actions'),
}  # fmt: skip


@pytest.mark.parametrize('name', BAD_EPISODES)
def test_an_episode_does_not_contradict_itself(name):
  values, *words = BAD_EPISODES[name]
  with pytest.raises(UsageError, match=naming("'crafter-7'", *words)):
    validate.check_episode(*plan([], **values))


def test_times_of_a_video_are_those_of_its_player():
  source = {'kind': 'youtube', 't_start_s': 60.0, 't_end_s': 90.5}
  values = {'clock': 'seconds', 'n_steps': 0, 'source': source}
  values |= {'has_actions': False, 'has_rewards': False}
  whole = node(0, None, 0, 60, 90.5, 'win')
  validate.check_episode(*plan([whole], **values))
  with pytest.raises(UsageError, match=naming('node 0', 59.5, 60.0)):
    validate.check_episode(*plan([whole | {'t0': 59.5}], **values))
  # Without a known end only the begin counts.
  values['source'] = {'kind': 'youtube', 't_start_s': 60.0}
  validate.check_episode(*plan([whole | {'t1': 1e6}], **values))


BAD_RECORDS = {
  'no field': (Node, {'parent_id': ...}, 'node 1', "'parent_id'", 'no'),
  'a field too many': (Node, {'colour': 1}, 'node 1', "'colour'", 'unknown'),
  'no text': (Node, {'text': ''}, 'node 1', "'text'"),
  'blank': (Node, {'text': ' \t'}, 'node 1', "'text'"),
  'a novel': (Node, {'text': 'x' * 10_000}, 'node 1', "'text'", 200),
  'two lines': (Node, {'text': 'a\nb'}, 'node 1', "'text'", 'line'),
  'colours': (Node, {'text': '\x1b[31mred'}, 'node 1', "'text'", 'line'),
  'half a letter': (Node, {'text': '\ud800'}, 'node 1', "'text'"),
  'NaN': (Node, {'t0': math.nan}, 'node 1', "'t0'", 'nan', 'finite'),
  'endless': (Node, {'t1': math.inf}, 'node 1', "'t1'", 'inf'),
  'before all': (Node, {'t0': -1}, 'node 1', "'t0'", -1),
  'text for a number': (Node, {'t0': '3'}, 'node 1', "'t0'", "'3'"),
  'a truth for a number': (Node, {'level': True}, 'node 1', "'level'"),
  'a bad end': (Node, {'status': 'done'}, 'node 1', "'status'", "'achieved'"),
  'more than sure': (Node, {'p_good': 1.5}, 'node 1', "'p_good'", 1.5),
  'deep inside': (
    Node, {'evidence': [{'t0': 0, 't1': 1, 'quote': ''}]}, 'evidence.0.quote'
  ),
  'another version': (Episode, {'schema_version': 2}, "'crafter-7'", 2, 1),
  'a path as id': (Episode, {'episode_id': '../../x'}, "'../../x'"),
  'a folder as id': (Episode, {'episode_id': '..'}, "'..'", 'letters'),
  'an endless return': (Episode, {'return': math.inf}, "'return'", 'inf'),
  'a place for a source': (Episode, {'source': 'YouTube'}, "'source'"),
}  # fmt: skip


@pytest.mark.parametrize('name', BAD_RECORDS)
def test_each_field_is_checked(name):
  model, values, *words = BAD_RECORDS[name]
  record = episode() if model is Episode else copy.deepcopy(NODES[1])
  record |= values
  record = {k: v for k, v in record.items() if v is not ...}
  with pytest.raises(UsageError, match=naming(*words)) as caught:
    validate.record(model, record)
  assert one_sentence(str(caught.value))


def test_steps_are_whole_numbers():
  found = validate.record(Node, NODES[0] | {'t0': 0.0, 't1': 2.0})
  assert isinstance(found.t0, int) and isinstance(found.t1, int)
  assert schema.plain(found)['t1'] == 2
  with pytest.raises(pydantic.ValidationError):
    found.t0 = 4


def one_sentence(text):
  return (
    '\n' not in text and len(text) < 400 and text.endswith('.')
    and text.isprintable()
  )  # fmt: skip


VALUES = [
  None, True, False, 0, 1, -1, 3, 2.5, 7, 10**30, math.nan, math.inf, '',
  'x', 'x' * 200, 'x' * 201, 'x' * 10_000, ' ', '\ud800', '\x00', '..', [],
  {}, [[]], 'achieved', 'é⛏', {'kind': 'human'},
  {'verb': 'go'}, [{'t0': 0, 't1': 1, 'quote': 'so'}],
]  # fmt: skip


def mutate(record, rng):
  """Changes one thing in a record, somewhere."""
  place = record
  while (inner := [x for x in place.values() if isinstance(x, dict)]) and (
    rng.random() < 0.3
  ):
    place = rng.choice(inner)
  key = rng.choice([*place, 'more'])
  kind = rng.random()
  if kind < 0.2:
    place.pop(key, None)
  elif kind < 0.6 or not isinstance(place.get(key), int):
    place[key] = copy.deepcopy(rng.choice(VALUES))
  else:
    place[key] += rng.choice((-3, -2, -1, 1, 2, 3))


def mutated(rng):
  """The lines of a plan in which one to three things are wrong."""
  ep, nodes = episode(), copy.deepcopy(NODES)
  for _ in range(rng.choice((1, 1, 1, 2, 3))):
    kind = rng.random()
    if kind < 0.1:
      nodes.pop(rng.randrange(len(nodes)))
    elif kind < 0.2:
      nodes.insert(rng.randrange(len(nodes)), copy.deepcopy(NODES[3]))
    elif kind < 0.3:
      rng.shuffle(nodes)
    elif kind < 0.4:
      x = rng.choice(nodes)
      x['t0'], x['t1'] = x.get('t1'), x.get('t0')
    elif kind < 0.5:
      x = rng.choice(nodes)
      x['parent_id'] = x.get('node_id')
    else:
      mutate(rng.choice([ep, *nodes]), rng)
    if not nodes:
      break
  records = [{'episode': ep}, *({'node': x} for x in nodes)]
  lines = [json.dumps(x) for x in records]
  if rng.random() < 0.1:
    at = rng.randrange(len(lines))
    lines[at] = lines[at][: rng.randrange(1, len(lines[at]))]
  return ep, nodes, lines


def typed(ep, nodes):
  """Whether the models of the records, alone, accept them."""
  try:
    return Episode(**ep), [Node(**x) for x in nodes]
  except (pydantic.ValidationError, TypeError):
    return None


@pytest.mark.parametrize(
  'count', [1000, pytest.param(10_000, marks=pytest.mark.slow)]
)
def test_mutated_plans_are_refused_or_valid(count):
  rng = random.Random(count)
  valid = refused = 0
  for _ in range(count):
    ep, nodes, lines = mutated(rng)
    try:
      ((found, its_nodes),) = jsonl.parse(enumerate(lines, 1), 'a.jsonl')
    except UsageError as error:
      assert one_sentence(str(error)), error
      refused += 1
      assert not good(ep, nodes) or broken(lines), error
    else:
      valid += 1
      assert typed(ep, nodes) == (found, its_nodes)
      assert good(ep, nodes), lines
  assert valid > count / 50 and refused > count / 2


def good(ep, nodes):
  """Whether a plan is sound in every field and at every step."""
  if typed(ep, nodes) is None:
    return False
  if ep['n_steps'] == 0:
    return not (nodes or ep.get('has_actions') or ep.get('has_rewards'))
  return sound(ep, nodes)


def broken(lines):
  """Whether one of the lines is not JSON."""
  try:
    return not all(json.loads(x) for x in lines)
  except ValueError:
    return True
