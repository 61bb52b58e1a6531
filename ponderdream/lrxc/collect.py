"""Plays experts and records what they do, want and see.

Episode i of a data set depends on the settings and i alone, whichever process
plays it. So a command that was stopped or killed goes on: what was committed
stays, the rest is played.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from embodied import envs, signals
from embodied.config import Config
from embodied.errors import UsageError
from embodied.experts import make_expert
from ponderdream.lrxc import files, play, store, workers
from ponderdream.lrxc.data import Data, shards
from ponderdream.lrxc.progress import progress
from ponderdream.lrxc.store import SHARD, Sealed

# Seeds of episodes are those of the command times this, plus their number.
SEEDS = 10**6


class Job(NamedTuple):
  """The episodes of one shard: numbers `first` to `last`."""

  folder: pathlib.Path
  expert: str
  variant: Mapping[str, Any]
  first: int
  last: int
  seed: int
  length: int


def collect(options: Config) -> int:
  """Plays the expert; returns the exit code.

  Raises:
    UsageError: options that make no sense, a folder in use, or one with data
      of other settings.
    workers.WorkerFailed: a process failed.
  """
  options = checked(options)
  variant = variants(options)
  task = make_expert(options.expert, **variant).task
  folder = pathlib.Path(options.out)
  settings = {'expert': options.expert, 'variant': dict(variant)}
  settings |= {k: options[k] for k in ('seed', 'length')}
  with signals.stop_requested() as stop, store.writing(folder):
    remember(folder, settings)
    base = Job(
      folder, options.expert, variant, 0, 0, options.seed, options.length
    )
    jobs = [
      base._replace(first=x, last=y) for x, y in missing(folder, options)
    ]
    envs.warm_up(task)
    done = options.episodes - sum(x.last - x.first for x in jobs)
    with progress('episodes', options.episodes, done) as show:
      for sealed in workers.spread(shard, jobs, options.workers, stop.is_set):
        store.commit(sealed)
        done += sealed.episodes
        show(done)
  return finish(folder, done, options.episodes)


def checked(options: Config) -> Config:
  """The options with the number of workers filled in.

  Raises:
    UsageError: options that make no sense.
  """
  if not options.expert and not options.policy:
    raise UsageError('Give --expert NAME or --policy LOGDIR, or both.')
  if not options.out:
    raise UsageError('Add --out DIR, the folder of the data set.')
  least = {'episodes': 1, 'seed': 0, 'length': 0, 'workers': 0}
  low = [f'--{k} {options[k]}' for k, v in least.items() if options[k] < v]
  if low or options.seed > 10**9 or options.episodes > SEEDS:
    raise UsageError(
      f'{", ".join(low) or "A number"} is out of bounds; collect 1 to'
      f' {SEEDS:,} episodes, with a seed of 0 to 10^9, and nothing below 0.'
    )
  alone = [k for k in ('noise', 'length', 'seed', 'variant') if options[k]]
  alone = [k for k in alone if k != 'variant' or not options.expert]
  if options.policy and alone:
    raise UsageError(f'--{alone[0]} is for experts that play; leave it out.')
  return options.update({'workers': options.workers or os.cpu_count() or 1})


def variants(options: Config) -> dict[str, Any]:
  """Keyword arguments of the expert, from `--noise E` and texts such as
  'privileged', 'size=8' and 'levels=FOLDER'."""
  found: dict[str, Any] = {'noise': options.noise} if options.noise else {}
  for text in options.variant:
    name, equals, value = text.partition('=')
    found[name] = _number(value) if equals else True
  return found


def _number(text: str) -> float | str:
  """A text as the number that it may be."""
  try:
    return float(text)
  except ValueError:
    return text


def remember(folder: pathlib.Path, settings: dict[str, Any]) -> None:
  """Writes the settings of a data set, or compares them with what it has.

  Raises:
    UsageError: the folder was made with other settings, or by other means.
  """
  path = folder / 'collect.json'
  if not path.exists():
    if shards(folder):
      raise UsageError(
        f'{folder} holds data that were not collected; choose another --out.'
      )
    with files.replacing(path) as part:
      part.write_text(json.dumps(settings, indent=2) + '\n')
    return
  before = json.loads(path.read_text())
  differ = [k for k in before | settings if before.get(k) != settings.get(k)]
  if differ:
    raise UsageError(
      f'{folder} was collected with {differ[0]} {before.get(differ[0])!r}, and'
      f' this command says {settings.get(differ[0])!r}; choose another --out.'
    )


def missing(folder: pathlib.Path, options: Config) -> list[tuple[int, int]]:
  """Runs of episode numbers that are not there: each a shard at most, and one
  for every worker at least.

  A shard is named after its first episode, so the name of a run that is
  missing is free.
  """
  rows = Data(folder).rows if shards(folder) else []
  seeds = {int(x.episode_id.rpartition('-')[2]) for x in rows}
  there = {x - options.seed * SEEDS for x in seeds}
  left = sorted(set(range(options.episodes)) - there)
  most = min(SHARD, -(-len(left) // options.workers))
  runs: list[tuple[int, int]] = []
  for index in left:
    first, last = runs[-1] if runs else (-1, -1)
    if index == last and last - first < most:
      runs[-1] = (first, index + 1)
    else:
      runs.append((index, index + 1))
  return runs


def shard(job: Job) -> Sealed:
  """Plays the episodes of a job into a shard that is yet to be committed.

  Raises:
    UsageError: the expert's plan is not valid.
  """
  expert = make_expert(job.expert, **job.variant)
  out = store.Shard(job.folder, f'shard-{job.first:08}')
  try:
    for index in range(job.first, job.last):
      seed = job.seed * SEEDS + index
      env = envs.make_env(expert.task, 0, seed=seed, **expert.settings)
      out.add(play.play(expert, env, job.expert, index, seed, job.length))
      env.close()
    return out.seal()
  except Exception as error:  # any: it is raised again
    out.discard()
    error.add_note(f'This was in episode {index}, of seed {seed}.')
    raise


def finish(folder: pathlib.Path, done: int, wanted: int) -> int:
  """Says how a command ended; returns the exit code."""
  if done < wanted:
    print(
      f'Stopped with {done} of {wanted} episodes; the same command goes on.'
    )
  else:
    print(f'{done} episodes are in {folder}.')
  return 0
