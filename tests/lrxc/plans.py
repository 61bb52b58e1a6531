"""A small plan to test with, and a second opinion on what is valid."""

import copy

from ponderdream.lrxc.schema import Episode, Node


def episode(**values):
  return {
    'episode_id': 'crafter-7', 'schema_version': 1, 'env_id': 'dummy_disc',
    'goal': 'survive', 'source': {'kind': 'expert', 'extractor': 'crafter'},
    'n_steps': 12, 'clock': 'step', 'has_actions': True, 'has_rewards': True,
    'outcome': 'failed', 'return': 1.5, 'seed': 7,
    'quality': {'p_good': 0.5, 'method': 'by hand'}, **values,
  }  # fmt: skip


def node(node_id, parent_id, level, t0, t1, text, **values):
  return {
    'episode_id': 'crafter-7', 'node_id': node_id, 'parent_id': parent_id,
    'level': level, 'text': text, 't0': t0, 't1': t1, 'source': 'scripted',
    **values,
  }  # fmt: skip


# survive                   0 . . . . . . . . . 10
#   collect wood            0 . . . 4
#     move left             0 . 2
#     do                        2 . 4
#   make a table                      5 . . 8
#     place a table                         8    (7 to 8)
NODES = [
  node(0, None, 0, 0, 10, 'survive'),
  node(1, 0, 1, 0, 4, 'collect wood', status='achieved', why='for a table',
       canonical={'verb': 'collect', 'object': 'wood', 'count': 2}),
  node(2, 1, 2, 0, 2, 'move left', goal_image_t=2),
  node(3, 1, 2, 2, 4, 'do', p_good=0.25, status='abandoned'),
  node(4, 0, 1, 5, 8, 'make a table', status='ongoing',
       evidence=[{'t0': 1, 't1': 4, 'quote': 'a table, perhaps'}]),
  node(5, 4, 2, 7, 8, 'place a table'),
]  # fmt: skip
# Stack by stack, by hand, from the drawing.
STACKS = [
  [0, 1, 2], [0, 1, 2], [0, 1, 3], [0, 1, 3], [0, -1, -1], [0, 4, -1],
  [0, 4, -1], [0, 4, 5], [0, -1, -1], [0, -1, -1], [-1] * 3, [-1] * 3,
]  # fmt: skip


def plan(nodes=NODES, **values):
  """The plan as models."""
  given = copy.deepcopy(nodes)
  return Episode(**episode(**values)), [Node(**x) for x in given]


def sound(ep, nodes):
  """Whether a plan in steps keeps the rules, looked up step by step."""
  if [x['node_id'] for x in nodes] != list(range(len(nodes))):
    return False
  if any(x['episode_id'] != ep['episode_id'] for x in nodes):
    return False
  steps = range(ep['n_steps'])
  covered = [
    {t for t in steps if x['t0'] <= t < x['t1']} for x in nodes
  ]  # fmt: skip
  for x, its in zip(nodes, covered, strict=True):
    if not its or len(its) != x['t1'] - x['t0']:
      return False
    parent = x['parent_id']
    if parent is None:
      if x['level']:
        return False
    elif not (
      0 <= parent < x['node_id']
      and its <= covered[parent]
      and nodes[parent]['level'] == x['level'] - 1
    ):
      return False
    said = [y for e in x.get('evidence', ()) for y in (e['t0'], e['t1'])]
    if said != sorted(said) and len(said) == 2:
      return False
    if any(not 0 <= y <= ep['n_steps'] for y in said):
      return False
    if x.get('goal_image_t') is not None and x['goal_image_t'] not in steps:
      return False
  for t in steps:
    here = [x['level'] for x, its in zip(nodes, covered, strict=True)
            if t in its]  # fmt: skip
    if sorted(here) != list(range(len(here))):
      return False
  keys = [(x['t0'], x['level']) for x in nodes]
  return keys == sorted(keys)
