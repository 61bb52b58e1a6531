"""Other worlds: does the agent still learn them, and do they stay learnt?

    python -m scripts.experiments.sanity --logdir DIR
    python -m scripts.experiments.sanity --logdir DIR --worlds CartPole-v1 \\
      --seeds 1 --flags '--ppo.opt.lr 3e-4'

Trains the pondering agent by the real command in each world, on one core, for
the processor time that the table below gives (what it compiles included). Runs
stay in DIR/<world>-<seed>; one that is finished is not run again. Writes
JSON and prints a table: `steps` of the environment; `reached`, the minutes
until the mean return of 20 episodes was as wanted; `best` such mean; `last`,
the mean over the last tenth of the steps; and `kept`, the share of the
episodes after `reached` that are good (see `World.slack`).
"""

import json
import pathlib
import shlex
import sys
from typing import NamedTuple

import numpy as np

from embodied import lock
from embodied.errors import UsageError
from embodied.files import Folder
from embodied.log.tail import Tail
from ponderdream.settings import processes
from scripts import arguments, budget, results
from scripts.experiments import core_hour

# Episodes of a mean.
COUNT = 20


class World(NamedTuple):
  """A row of the table.

  Attributes:
    flags: of `ponderdream.train`.
    minutes: processor time.
    wanted: mean return of an agent that has learnt this world.
    slack: how far below it an episode still counts as good.
  """

  flags: str
  minutes: float
  wanted: float
  slack: float


GYM = '--configs gymnasium pondernet cpu --task gymnasium_'
# Rewards of one kind that come at every step, for hundreds of steps.
FAR = ' --loss.horizon 100 --ppo.lam 0.95'
CARTPOLE = f'{GYM}CartPole-v1{FAR} --ppo.entropy 1e-3 --ppo.opt.lr 2e-4'
PENDULUM = f'{GYM}Pendulum-v1{FAR} --ppo.entropy 0'
# MiniGrid and BabyAI from symbols and missions. A mission has up to 28 bytes.
MINI = (
  '--configs minigrid pondernet cpu --ppo.lam 0.9 --enc.layers 1'
  ' --enc.units 128 --env.gymnasium.text 32'
)
# Two objects, and the mission says which one is to be picked up; the other one
# ends the episode without a reward. Who does not know has half of them right.
FETCH = (
  f'{MINI} --loss.horizon 50'
  ' --task gymnasium_minigrid:MiniGrid-Fetch-5x5-N2-v0'
)
# The same without the mission, for comparison.
HIDDEN = (
  " --env.gymnasium.wrappers 'gymnasium.wrappers:FilterObservation"
  " {filter_keys: [image, direction]}'"
)
WORLDS = {
  'CartPole-v1': World(CARTPOLE, 6, 475, 50),
  'Pendulum-v1': World(PENDULUM, 15, -250, 150),
  'LunarLander-v3': World(f'{GYM}LunarLander-v3{FAR}', 20, 200, 60),
  'MiniGrid-DoorKey-5x5-v0': World(
    f'{GYM}minigrid:MiniGrid-DoorKey-5x5-v0 --enc.patch 8 --imgdec.patch 8'
    ' --env.gymnasium.wrappers minigrid.wrappers:RGBImgPartialObsWrapper'
    ' minigrid.wrappers:ImgObsWrapper --loss.horizon 100 --ppo.lam 0.9',
    20,
    0.9,
    0.1,
  ),
  'DoorKey-symbols': World(f'{MINI} --loss.horizon 100', 20, 0.9, 0.1),
  # Its mission says "a red ball" if there are more of them, else "the": hiding
  # it makes no difference.
  'GoToRedBall': World(
    f'{MINI} --loss.horizon 100 --task'
    ' gymnasium_minigrid:BabyAI-GoToRedBall-v0',
    20,
    0.85,
    0.1,
  ),
  'Fetch': World(FETCH, 20, 0.8, 0.8),
  'Fetch-hidden': World(FETCH + HIDDEN, 20, 0.8, 0.8),
  'ladder_mixed': World('--configs ladder pondernet', 20, 0.7, 0.7),
}


def train(run, world, seconds):
  """Trains for so many processor seconds, and returns those of every episode
  with its environment step and its return, `[E, 3]`."""
  run.mkdir(parents=True)
  scores, found = Tail(run / 'scores.jsonl'), []

  def watch(used):
    for line in scores.lines():
      found.append((used, line['step'], line['episode/score']))
    return False

  command = [sys.executable, '-m', 'ponderdream.train', *shlex.split(world)]
  command += ['--jax.platform', 'cpu', '--run.steps', '1e9']
  command += ['--logdir', str(run / 'logdir')]
  scores.path = run / 'logdir' / 'scores.jsonl'
  budget.run(command, run / 'train.log', seconds, watch, **core_hour.HOW)
  return np.array(found, float).reshape((-1, 3))


def judge(found, world):
  """What the table says of the episodes `[E, 3]` of a run."""
  if len(found) < COUNT:
    raise UsageError(f'{len(found)} episodes are too few; give more minutes.')
  used, steps, scores = found.T
  means = np.convolve(scores, np.ones(COUNT) / COUNT, 'valid')
  good = np.flatnonzero(means >= world.wanted)
  kept = None
  if len(good):
    after = scores[good[0] + COUNT :]
    kept = float((after >= world.wanted - world.slack).mean())
  last = scores[steps >= 0.9 * steps[-1]]
  return {
    'steps': int(steps[-1]),
    'reached': used[good[0] + COUNT - 1] / 60 if len(good) else None,
    'best': float(means.max()),
    'last': float(last.mean()),
    'kept': kept,
  }


def options(argv):
  """Reads the command line."""
  parser = arguments.parser(__doc__, 'sanity')
  parser.add_argument('--logdir', type=pathlib.Path, required=True)
  parser.add_argument('--worlds', nargs='+', default=list(WORLDS))
  parser.add_argument('--seeds', type=arguments.count, default=3)
  parser.add_argument('--first', type=arguments.whole(0), default=0)
  parser.add_argument('--minutes', type=arguments.number(1e4))
  parser.add_argument('--flags', default='', help='for all runs')
  args = parser.parse_args(argv)
  unknown = sorted(set(args.worlds) - set(WORLDS))
  if unknown:
    raise UsageError(f'No world {unknown}; there are {", ".join(WORLDS)}.')
  return args


def perform(args, name, seed):
  """One run, unless it was done before; its line of the table."""
  folder = args.logdir / f'{name}-{seed}'
  done = folder / 'finished.json'
  world = WORLDS[name]
  minutes = args.minutes or world.minutes
  about = {'world': name, 'seed': seed, 'minutes': minutes}
  about |= {'flags': f'{world.flags} --seed {seed} {args.flags}'}
  about |= {'wanted': world.wanted, 'slack': world.slack}
  if not done.exists():
    if folder.exists():
      raise UsageError(f'{folder} was not finished; move it away.')
    commit = processes.commit()
    found = judge(train(folder, about['flags'], 60 * minutes), world)
    done.write_text(json.dumps({**about, 'commit': commit, **found}) + '\n')
  line = json.loads(done.read_text())
  arguments.check_same(folder, line, about)
  return line


def main(argv):
  """Runs the command line."""
  args = options(argv)
  with lock.hold(Folder(args.logdir)):
    lines = [
      perform(args, name, seed)
      for name in args.worlds
      for seed in range(args.first, args.first + args.seeds)
    ]
  results.write(args.out, {'runs': lines})
  shown = ('wanted', 'steps', 'reached', 'best', 'last', 'kept')
  rows = {f'{x["world"]}, {x["seed"]}': x for x in lines}
  results.table({k: {c: v[c] for c in shown} for k, v in rows.items()})


if __name__ == '__main__':
  arguments.run(main)
