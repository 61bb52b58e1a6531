"""From captions of game videos to a data set, stage by stage.

  ingest   captions as yt-dlp leaves them -> words with times, a file per video
  extract  words -> trees of goals
  score    trees -> the same with p_good
  merge    trees -> one data set, in which nothing is twice
  frames   pictures at the starts and ends of goals

Each stage reads a folder and writes another one. It can be stopped and started
again; what it has made stays, and is made again only if its sources change.
"""

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from embodied.config import Config
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
  """Reads the captions and descriptions of videos.

  `options.videos` is what yt-dlp wrote; `options.out` gets a file per video.
  """
  out = Path(options.out)
  jobs = ingest.jobs(Path(options.videos), options.language)
  left = stages.run('videos', out, jobs)
  return stages.tell('read', 'videos', left, out)


def find_goals(options: Config) -> int:
  """Finds the goals in what was said.

  `options.captions` is what `ingest` wrote; `options.out` gets a file per
  video.
  """
  make, version = _extractor(options)
  out = Path(options.out)
  jobs = extract.jobs(Path(options.captions), version, make)
  left = stages.run('trees', out, jobs)
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

  `options.trees` is what `extract` wrote; `options.out` gets the same with
  p_good. In `options.against` are trees of the same videos by another
  extractor; where they agree, p_good is higher.
  """
  others = [Path(options.against)] if options.against else []
  for folder in others:  # raises if there are no trees
    next(stages.records(folder, 'extract'))
  out = Path(options.out)
  jobs = {
    name: _score_job(path, [x / path.name for x in others])
    for name, path in stages.records(Path(options.trees), 'extract')
  }
  left = stages.run('trees', out, jobs)
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
  """Makes the data set `options.data` of trees, without copies of videos."""
  captions, out = Path(options.captions), Path(options.data)
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

  They are written to the folder `frames` in the data set `options.data`.
  `options.captions`, what `ingest` wrote, knows where the videos are.
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
    if frames.fits(path, options.size) or frames.cut(
      Path(video), t, path, options.size
    ):
      yield path
