"""From captions of game videos to a data set: the commands, stage by stage.

  ingest   captions as yt-dlp leaves them -> words with times, a file per video
  extract  words -> trees of goals
  score    trees -> the same with p_good
  merge    trees -> one data set, in which nothing is twice
  frames   pictures at the starts and ends of goals

Each stage reads a folder and writes another one. It can be stopped and started
again; what it has made stays, and is made again only if its sources change.
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from embodied.config import Config
from embodied.config import flags as flags_
from embodied.errors import UsageError
from ponderdream.lrxc import (
  extract,
  frames,
  ingest,
  merge,
  rules,
  score,
  stages,
  store,
)
from ponderdream.lrxc.data import Data
from ponderdream.lrxc.extract import Tree
from ponderdream.lrxc.llm import prompts
from ponderdream.lrxc.llm.chat import Chat
from ponderdream.lrxc.llm.model import VERSION, Model


def read_captions(options: Config) -> int:
  """Reads captions and descriptions of videos.

  python -m ponderdream.lrxc ingest --videos DIR --out DIR

    --videos DIR   what yt-dlp wrote: .info.json, .vtt or .srt, videos
    --out DIR      a file for each video
    --language L   of the captions; en by default
  """
  out = Path(options.out)
  jobs = ingest.jobs(Path(options.videos), options.language)
  left = stages.run('Reading captions', out, jobs)
  return stages.tell('read', 'videos', left, out)


def find_goals(options: Config) -> int:
  """Finds the goals in what was said.

  python -m ponderdream.lrxc extract --captions DIR --out DIR

    --captions DIR  what `ingest` wrote
    --out DIR       a tree for each video
    --with W        rules (offline, English) or llm (a language model)
    --game G        whose words the speakers use; crafter

  With a language model, which needs `pip install ponderdream[llm]`:

    --model M       its name on the server
    --base_url U    of a server that speaks OpenAI's chat completions; OpenAI's
                    own by default, with the key in OPENAI_API_KEY
    --timeout S     seconds to wait for an answer
    --price_in P    dollars per million tokens of questions
    --price_out P   dollars per million tokens of answers
    --max_price D   stop before more dollars are spent in the folder; 0: never
  """
  make, version = _extractor(options)
  out = Path(options.out)
  jobs = extract.jobs(Path(options.captions), version, make)
  left = stages.run('Finding goals', out, jobs)
  return stages.tell('extracted', 'trees', left, out)


def _extractor(options: Config) -> tuple[Any, str]:
  """What makes a tree of a record, and a text that changes with it."""
  lexicon = extract.lexicon(options.game)
  if options['with'] == 'rules':
    make = functools.partial(extract.by_rules, options.game)
    return make, f'rules {rules.VERSION} {options.game}'
  if options['with'] != 'llm':
    raise UsageError(f"--with is rules or llm, not '{options['with']}'.")
  if not options.model:
    raise UsageError('Add --model M, the name of the language model.')
  chat = Chat(
    Path(options.out) / 'answers',
    model=options.model,
    base_url=options.base_url,
    timeout=options.timeout,
    prices=(options.price_in, options.price_out),
    max_price=options.max_price,
  )
  version = f'llm {VERSION} {options.model} {prompts.digest(lexicon)}'
  return Model(chat, lexicon, options.model).tree, version


def score_goals(options: Config) -> int:
  """Says of every goal how probable it is that the player wanted it.

  python -m ponderdream.lrxc score --trees DIR --out DIR

    --trees DIR     what `extract` wrote
    --out DIR       the same trees, with p_good
    --against DIR   trees of the same videos by another extractor; where they
                    agree, p_good is higher
  """
  others = [Path(options.against)] if options.against else []
  out = Path(options.out)
  jobs = {
    name: _score_job(path, [x / path.name for x in others])
    for name, path in stages.records(Path(options.trees), 'extract')
  }
  left = stages.run('Scoring', out, jobs)
  return stages.tell('scored', 'trees', left, out)


def _score_job(path: Path, others: Sequence[Path]) -> stages.Job:
  there = [x for x in others if x.exists()]
  texts = [x.read_bytes() for x in (path, *there)]
  weights = repr(score.WEIGHTS)

  def make() -> stages.Record:
    tree = extract.load(stages.read(path))
    rest = [extract.load(stages.read(x)).nodes for x in there]
    episode, nodes = score.score(tree.episode, tree.nodes, rest)
    return extract.dump(Tree(episode, nodes, tree.rejected))

  return stages.Job(stages.digest(weights, *texts), make)


def merge_trees(options: Config) -> int:
  """Makes a data set of trees. Copies of a video are left out.

  python -m ponderdream.lrxc merge --trees DIR --captions DIR --out DIR

    --trees DIR      what `extract` or `score` wrote
    --captions DIR   what `ingest` wrote
    --out DIR        a data set
  """
  captions, out = Path(options.captions), Path(options.out)
  trees = dict(stages.records(Path(options.trees), 'extract'))
  videos = [
    _video(name, path)
    for name, path in stages.records(captions, 'ingest')
    if name in trees
  ]
  copies = merge.copies(videos)
  kept = [path for name, path in trees.items() if name not in copies]
  count = store.write(out, map(_recording, kept), 'videos')
  _remove_more(out, count)
  for name, other in copies.items():
    print(f'{name}: a copy of {other}.')
  print(f'{count:,} videos are in the data set {out}.')
  return 0


def _video(name: str, path: Path) -> merge.Video:
  record = stages.read(path)
  manual = record['video']['caption_kind'] == 'manual'
  return merge.video(name, ingest.unpack(record), manual)


def _recording(path: Path) -> store.Recording:
  tree = extract.load(stages.read(path))
  return store.Recording(tree.episode, merge.join(tree.nodes))


def _remove_more(out: Path, count: int) -> None:
  """Removes shards of an earlier, larger data set of videos."""
  stale = -(-count // store.SHARD)
  with store.writing(out):
    for part in reversed(store.PARTS):
      for path in (out / part).glob('videos-*.parquet'):
        if int(path.stem.removeprefix('videos-')) >= stale:
          path.unlink()


def cut_frames(options: Config) -> int:
  """Cuts pictures out of videos, at the starts and ends of goals.

  python -m ponderdream.lrxc frames --data DIR --captions DIR

    --data DIR       a data set; pictures are written to DIR/frames
    --captions DIR   what `ingest` wrote, which knows where the videos are
    --size N         pixels of a side
  """
  if options.size < 1:
    raise UsageError(f'A picture cannot have {options.size} pixels a side.')
  data = Data(options.data)
  folder = Path(options.data) / 'frames'
  count = 0
  with stages.hold(folder):
    for number in range(len(data)):
      for _ in _cut(data, number, Path(options.captions), folder, options):
        count += 1
  print(f'{count:,} pictures are in {folder}.')
  return 0


def _cut(
  data: Data, number: int, captions: Path, folder: Path, options: Config
) -> Iterator[Path]:
  """The pictures of an episode, those that are there already too."""
  episode = data.episode(number)
  record = captions / f'{episode.episode_id}.json'
  video = stages.read(record)['video']['file'] if record.exists() else None
  if not video:
    print(f'{episode.episode_id}: there is no video.')
    return
  for t in frames.times(data.nodes(number)):
    path = folder / episode.episode_id / frames.name(t)
    if path.exists() or frames.cut(Path(video), t, path, options.size):
      yield path


class Command(NamedTuple):
  """`run` with its options and their defaults; `needed` have to be given."""

  run: Callable[[Config], int]
  needed: tuple[str, ...]
  options: dict[str, Any]

  def __call__(self, argv: Sequence[str]) -> int:
    """Runs the command line; returns the exit code.

    Raises:
      UsageError: A flag that is unknown, wrong, or missing.
    """
    if flags_.asks_for_help(argv):
      print(inspect.getdoc(self.run))
      return 0
    defaults = Config({**dict.fromkeys(self.needed, ''), **self.options})
    options = flags_.apply(defaults, flags_.split_flags(argv))
    for name in self.needed:
      if not options[name]:
        raise UsageError(f'Add --{name} DIR; --help says what it is.')
    return self.run(options)


# What `find_goals` needs to know of a language model.
MODEL = {
  'model': '',
  'base_url': '',
  'timeout': 120.0,
  'price_in': 0.0,
  'price_out': 0.0,
  'max_price': 0.0,
}
COMMANDS = {
  'ingest': Command(read_captions, ('videos', 'out'), {'language': 'en'}),
  'extract': Command(
    find_goals,
    ('captions', 'out'),
    {'with': 'rules', 'game': 'crafter', **MODEL},
  ),
  'score': Command(score_goals, ('trees', 'out'), {'against': ''}),
  'merge': Command(merge_trees, ('trees', 'captions', 'out'), {}),
  'frames': Command(cut_frames, ('data', 'captions'), {'size': 64}),
}
