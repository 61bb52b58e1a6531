"""How good the goals are that are found in what players say.

    python -m scripts.experiments.extraction --episodes 40

An expert plays Crafter and knows its goals. A narrator, whose phrases the
extractor's author has not read, speaks about them as captions of YouTube are,
at three degrees of noise. What the rules find is compared with the goals that
were spoken of, and those that they serve; steps on the way (go, find, single
actions) count on neither side. A goal that is taken up again within 5 seconds
is one goal on both sides, as in the stage `merge`.

Two nodes match if they mean the same goal and their spans overlap. F1 is of
such pairs, one to one; `f1_30` and `f1_50` want an intersection over union of
.3 and .5. Levels, endings and `iou` are of the matched nodes, `edits` is the
edit distance between the trees over their nodes; depth, branching and the
share of distinct trees are the measures of HiSD (arXiv 2601.23156). `f1_all`
is against all goals of the tree, spoken of or not.

Further rows: captions written by hand, tuned on and held out; the path through
a language model, with a server that knows the truth, so that only what the
path itself loses is seen; and a grammar of actions without words (Re-Pair),
whose spans alone are compared, beside those of the rules.

Templates are easier than speech, and the hand-written captions were written by
the author of the rules. How good the extraction is from real videos has not
been measured. Writes scripts/results/extraction.json.

`--fit` prints weights for `ponderdream.lrxc.score`, fitted to the nodes that
were found.
"""

import collections
import functools
import json
import tempfile
from pathlib import Path

import numpy as np

from embodied.envs import make_env
from embodied.experts import make_expert, narration
from ponderdream.lrxc import (
  captions,
  compare,
  extract,
  ingest,
  merge,
  score,
  trees,
  validate,
)
from ponderdream.lrxc.lexicons import CRAFTER
from ponderdream.lrxc.llm.chat import Chat
from ponderdream.lrxc.llm.model import Model
from ponderdream.lrxc.schema import Node
from scripts import arguments, chat_server, grammars, results, spoken

NOISES = ('low', 'middle', 'high')
WAYS = frozenset(
  'go find move do interact noop face turn'.split()
)  # steps on the way
FIRST = 5000  # seed of the first episode; the expert was made with others
STEPS = 2000  # of an episode at most
FIELDS = ('f1', 'precision', 'recall', 'level', 'status', 'iou', 'edits')


def play(seed):
  """The nodes of an episode, and its actions in words."""
  env = make_env('crafter_reward', seed=seed, index=0)
  expert = make_expert('crafter')
  expert.reset(seed)
  obs = env.step({'action': np.int32(0), 'reset': np.bool_(True)})
  actions = []
  while not obs['is_last'] and len(actions) < STEPS:
    action = expert.act(env)
    actions.append(expert.actions[action])
    obs = env.step({'action': np.int32(action), 'reset': np.bool_(False)})
  env.close()
  return expert.nodes(len(actions)), actions


def in_seconds(nodes, seconds):
  """Nodes of an expert with spans in seconds."""
  return [
    validate.record(
      Node,
      {
        **x,
        'episode_id': 'e',
        't0': x['t0'] * seconds,
        't1': x['t1'] * seconds,
        'goal_image_t': None,
      },
    )
    for x in nodes
  ]


def record(cues_text, end):
  """A record of captions, as `ingest` makes it."""
  words = captions.words_of(captions.parse(cues_text))
  video = dict.fromkeys(
    ('video_id', 'title', 'channel', 'url', 'licence', 'retrieved_at', 'fps',
     'language', 'file')
  )  # fmt: skip
  video |= {'duration': end, 'caption_kind': 'automatic', 'chapters': []}
  return {'video': video, 'words': ingest.pack(words)}


def compared(nodes):
  """What is compared of a tree."""
  return compare.without(compare.spans(merge.join(nodes)), WAYS, 0)


def spoken_of(nodes, cues):
  """The nodes that the cues are about, and those that they serve."""
  parents = {x.node_id: x.parent_id for x in nodes}
  kept = {nodes[0].node_id}
  for cue in cues:
    node = cue.node
    while node is not None and node not in kept:
      kept.add(node)
      node = parents[node]
  return trees.numbered([x for x in nodes if x.node_id in kept])


class Total:
  """Scores of trees, and the shapes of what was found."""

  def __init__(self):
    self.scores = {x: compare.Score() for x in (0.0, 0.3, 0.5, 'all')}
    self.shapes, self.outlines = [], set()

  def add(self, true, found, every=None, named=True):
    """Adds a tree; `every` is the true one with what nobody spoke of."""
    for overlap in (0.0, 0.3, 0.5):
      self.scores[overlap] += compare.score(
        true, found, overlap, named, edits=not overlap
      )
    self.scores['all'] += compare.score(
      every or true, found, named=named, edits=False
    )
    self.shapes.append(compare.shape(found))
    self.outlines.add(compare.outline(found))

  def row(self, name):
    shape = {
      k: float(np.mean([x[k] for x in self.shapes])) for k in self.shapes[0]
    }
    f1 = {k: v.summary()['f1'] for k, v in self.scores.items()}
    return {
      'name': name,
      **self.scores[0.0].summary(),
      'f1_30': f1[0.3],
      'f1_50': f1[0.5],
      'f1_all': f1['all'],
      **shape,
      'distinct': len(self.outlines) / len(self.shapes),
    }


def hand_written(names, name):
  """The row of captions that were written by hand."""
  total = Total()
  for each in names:
    words = captions.words_of(captions.read(spoken.captions(each)))
    made = {'video': _video(words[-1].t1), 'words': ingest.pack(words)}
    tree = extract.by_rules('crafter', 'e', made)
    total.add(spoken.tree(each), compare.spans(merge.join(tree.nodes)))
  return total.row(name)


def _video(end):
  return record('', end)['video']


def measure(args):
  """All rows of the table, and samples for `--fit`."""
  totals, samples = collections.defaultdict(Total), []
  played = [play(FIRST + i) for i in range(args.episodes)]
  plans = [in_seconds(nodes, args.seconds) for nodes, _ in played]
  for i, plan in enumerate(plans):
    whole = compared(plan)
    totals['the truth'].add(whole, whole)
    for noise in NOISES:
      cues = narration.narrate(played[i][0], args.seconds, noise, i)
      said = spoken_of(plan, cues)
      true = compared(said)
      made = record(narration.vtt(cues), plan[0].t1)
      tree = extract.by_rules('crafter', 'e', made)
      validate.check_episode(tree.episode, tree.nodes)
      found = compared(tree.nodes)
      totals[f'rules, {noise} noise'].add(true, found, whole)
      spans = totals[f'rules, {noise} noise, spans alone']
      spans.add(true, found, whole, named=False)
      samples += labelled(tree, compare.spans(plan))
      if noise == 'low' and i < args.asked:
        found = compared(ask(made, said))
        totals['language model that knows'].add(true, found, whole)
  grown = grammars.trees([x for _, x in played], args.seconds)
  for plan, found in zip(plans, grown, strict=True):
    spans = totals['grammar of actions, spans alone']
    spans.add(compared(plan), found, named=False)
  rows = [x.row(k) for k, x in totals.items()]
  rows.append(hand_written(spoken.TUNED, 'by hand, tuned on'))
  rows.append(hand_written(spoken.HELD_OUT, 'by hand, held out'))
  return rows, samples


def labelled(tree, true):
  """Features of the nodes of a tree, and whether each was meant."""
  found = compare.spans(tree.nodes)
  good = {j for _, j in compare.match(true, found, compare.OVERLAP, True)}
  return [
    (score.features(tree.episode, x, []), j in good)
    for j, x in enumerate(tree.nodes)
  ]


def ask(made, plan):
  """The nodes that come through the path of a language model."""
  script = functools.partial(knowing, plan)
  with (
    tempfile.TemporaryDirectory() as folder,
    chat_server.serving(script) as (url, _),
  ):
    chat = Chat(Path(folder), model='knowing', base_url=url)
    return Model(chat, CRAFTER, 'knowing').tree('e', made).nodes


def knowing(plan, number, question):
  """Answers from the truth, with quotes of the words that are said then."""
  text = question['messages'][1]['content']
  form = question['response_format']['json_schema']['name']
  if form == 'links':
    return chat_server.answer(json.dumps(parents(plan, json.loads(text))))
  lasts, _, text = text.split('\n', 2)
  t0, t1 = float(lasts.split()[4]), float(lasts.split()[6])
  lines = json.loads(text).splitlines()
  rows = [(float(x[1:].split(']')[0]), x.split('] ', 1)[1]) for x in lines]
  goals = []
  for node in plan:
    start, end = max(node.t0, t0), min(node.t1, t1)
    if start < end and node.canonical.verb not in WAYS and node.level:
      quote = min(rows, key=lambda x: abs(x[0] - node.t0))[1]
      goals.append(said(node, start, end, quote))
  return chat_server.answer(json.dumps({'goals': goals}))


def said(node, start, end, quote):
  whole = end == node.t1
  return {
    'text': node.text, 'verb': node.canonical.verb,
    'object': node.canonical.object or '', 'count': 0, 't0': start, 't1': end,
    'status': node.status if whole else 'ongoing', 'why': '', 'quote': quote,
  }  # fmt: skip


def parents(plan, rows):
  """For each goal of `rows` the nearest row that it serves in the plan."""
  nodes = [
    max(
      (x for x in plan if x.text == row['text']),
      key=lambda x, r=row: min(x.t1, r['t1']) - max(x.t0, r['t0']),
    ).node_id
    for row in rows
  ]
  place = {x: i for i, x in enumerate(nodes)}
  by_id = {x.node_id: x for x in plan}
  links = []
  for i, node in enumerate(nodes):
    above = by_id[node].parent_id
    while above is not None and above not in place:
      above = by_id[above].parent_id
    links.append({'id': i, 'parent': place.get(above, -1)})
  return {'goal': plan[0].text, 'links': links}


def main(argv):
  parser = arguments.parser(__doc__, 'extraction')
  add = parser.add_argument
  add('--episodes', type=arguments.count, default=40)
  add('--asked', type=arguments.whole(0), default=5,
      help='episodes that a language model is asked about')  # fmt: skip
  add('--seconds', type=arguments.number(), default=2.0,
      help='that a step lasts')  # fmt: skip
  add('--fit', action='store_true', help='print weights of p_good')
  args = parser.parse_args(argv)
  rows, samples = measure(args)
  setting = {k: v for k, v in vars(args).items() if k not in ('out', 'fit')}
  results.write(
    args.out,
    {'command': results.command(), 'setting': setting, 'rows': rows},
  )
  columns = [
    *FIELDS,
    'f1_30',
    'f1_50',
    'f1_all',
    'depth',
    'branching',
    'distinct',
  ]
  results.table({x['name']: {k: x[k] for k in columns} for x in rows})
  if args.fit:
    features, good = (np.array(x) for x in zip(*samples, strict=True))
    weights = score.fit(features, good).round(2)
    print(dict(zip(score.WEIGHTS, weights.tolist(), strict=True)))
  print(f'Written to {args.out}.json')


if __name__ == '__main__':
  arguments.run(main)
