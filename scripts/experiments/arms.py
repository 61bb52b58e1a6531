"""What plans in words are worth: variants of the recipe, side by side.

    python -m scripts.experiments.arms --logdir DIR --data PLANS

Each arm learns from an expert's plans (`python -m ponderdream.lrxc collect
--expert crafter --out PLANS`) for --imitation core-minutes, and then by
reinforcement (`phase4`) for --reinforcement core-minutes, on one core:

  nothing   reinforcement alone, for the sum of both; with the rates of `cpu`,
            which were chosen for it, not those of phase4
  actions   the expert's actions alone
  goals     its actions, for what is asked for: the task or a subgoal
  stacks    whole plans, one goal for each level
  shuffled  whole plans, texts exchanged between the goals of a level
  fixed     whole plans, always eight levels, as many as the others may take
  apart     `stacks`, but reinforcement without plans in between

Runs are those of core_hour.py: a finished one is not repeated, and a stopped
one is resumed. Writes JSON and a figure, and prints a table: the mean return
of 50 new episodes after imitation and at the end, of the last 100 training
episodes on the way, and the share of right texts (`said_all` of thoughts.py)
on held-out plans.
"""

import json
import pathlib
import shlex
import shutil
import signal
import sys
import zlib
from typing import NamedTuple

import numpy as np

from embodied import lock
from embodied.errors import UsageError
from embodied.files import Folder
from ponderdream import checkpoint, factories, settings
from ponderdream.lrxc import store
from ponderdream.lrxc.data import Data
from ponderdream.page import curves
from scripts import arguments, plots, results
from scripts.experiments import core_hour, hours, thoughts

BLOCKS = ['--configs', 'crafter', 'pondernet', 'cpu']
SILENT = ' '.join(f'--loss_scales.{x} 0' for x in ('say', 'align', 'halt'))
STEPS = (10_000, 30_000, 100_000)
BATCHES = 8  # of held-out windows


class Arm(NamedTuple):
  """An arm.

  Attributes:
    flags: of both phases.
    later: more flags of reinforcement.
    first: the arm whose imitation it takes over, if not its own.
    shuffled: whether its data are the shuffled ones.
    mixed: whether plans are learnt from during reinforcement.
    says: whether its goals are texts of plans.
  """

  flags: str = ''
  later: str = ''
  first: str = ''
  shuffled: bool = False
  mixed: bool = True
  says: bool = True


NOTHING = 'nothing'
ARMS = {
  NOTHING: Arm(says=False),
  'actions': Arm(
    f'--imitation.plans False --imitation.ask 0 {SILENT}', says=False
  ),
  'goals': Arm(f'--imitation.plans False {SILENT}', says=False),
  'stacks': Arm(),
  'shuffled': Arm(shuffled=True),
  'fixed': Arm(
    '--ponder.mode fixed --loss_scales.halt 0'
  ),
  'apart': Arm(
    later=f'{SILENT} --loss_scales.bc 0 --run.train_ratio 0',
    first='stacks', mixed=False,
  ),
}  # fmt: skip


def shuffle(data, out):
  """Copies a data set, and exchanges the texts of goals below the root with
  those of other goals of their level, in all episodes."""
  known, rng = Data(data), np.random.default_rng(0)
  plans = [known.nodes(i) for i in range(len(known))]
  texts = {}
  for node in (x for nodes in plans for x in nodes if x.level):
    texts.setdefault(node.level, []).append(node.text)
  pools = {k: iter(rng.permutation(v).tolist()) for k, v in texts.items()}
  given = lambda x: {'text': next(pools[x.level])} if x.level else {}

  def recordings():
    for i, nodes in enumerate(plans):
      other = [x.model_copy(update=given(x)) for x in nodes]
      yield store.Recording(known.episode(i), other, known.steps(i))

  store.write(out, recordings())


def named(args, phase, name, seed):
  """The folder of a run."""
  return args.logdir.resolve() / f'{phase}-{name}-{seed}'


def run(args, phase, name, seed, minutes, flags):
  """A run, as core_hour.py has them."""
  return {
    'label': f'pondernet {name}', 'seed': seed, 'minutes': minutes,
    'episodes': args.episodes, 'flags': flags,
    'folder': str(named(args, phase, name, seed)),
  }  # fmt: skip


def shuffled(args):
  """The folder of the shuffled data, another one for each `--data`."""
  name = zlib.crc32(str(args.data.resolve()).encode())
  return args.logdir / f'shuffled-{name:08x}'


def data_of(args, arm):
  """Flags that name the data of an arm."""
  folder = shuffled(args) if arm.shuffled else args.data
  return ['--data', str(folder.resolve())]


def imitations(args):
  """The runs that learn from plans."""
  firsts = dict.fromkeys(ARMS[x].first or x for x in args.arms)
  return [
    run(
      args, 'imitation', name, seed, args.imitation,
      [
        *BLOCKS, 'words', 'phase1', '--run.save_every', '60',
        *data_of(args, ARMS[name]), *shlex.split(ARMS[name].flags),
      ],
    )
    for seed in seeds(args) for name in firsts if name != NOTHING
  ]  # fmt: skip


def reinforcements(args):
  """The runs that learn by reinforcement, of all arms."""
  runs, total = [], args.imitation + args.reinforcement
  for seed in seeds(args):
    for name in args.arms:
      arm, flags, minutes = ARMS[name], BLOCKS, total
      if name != NOTHING:
        minutes = args.reinforcement
        begin = named(args, 'imitation', arm.first or name, seed)
        flags = [*BLOCKS, 'words', 'phase4', '--init_from', str(begin)]
        flags += data_of(args, arm) if arm.mixed else []
        flags += shlex.split(f'{arm.flags} {arm.later}')
      runs.append(run(args, 'rl', name, seed, minutes, flags))
  return runs


def seeds(args):
  return range(args.first, args.first + args.seeds)


def perform(runs, args):
  """Performs runs; raises UsageError if one of them does not finish."""
  core_hour.perform_all(runs, args)
  for run in runs:
    if not core_hour.finished(run).exists():
      raise UsageError(f'{run["folder"]} is not finished; see its train.log.')


def said(folder, data):
  """What a run says on held-out plans, measured once."""
  folder = pathlib.Path(folder)

  def measuring():
    config = factories.setup(settings.recall(str(folder)))
    agent = factories.make_agent(factories.make_spaces(config), config)
    checkpoint.restore(agent, folder / 'checkpoints', None, False)
    return thoughts.measure(config, agent, data, BATCHES)

  # A finished run learns no more.
  about = [str(data.resolve()), BATCHES]
  return results.once(folder / 'said.json', about, measuring)


def measured(args, run):
  """The results of an arm on one seed; its run of reinforcement is done."""
  name = run['label'].split()[1]
  found = hours.summary(run)
  kept = ('curve', 'evaluated', 'core_seconds', 'seed', 'commit')
  about = {k: found[k] for k in kept}
  log = pathlib.Path(run['folder'], 'episodes.jsonl')
  episodes = hours.episodes(log, np.inf)
  about['at'] = {str(x): hours.at_steps(episodes, x) for x in STEPS}
  about['end'] = hours.after(episodes, len(episodes['cpu']))
  if name == NOTHING:
    return about
  arm = ARMS[name]
  begin = named(args, 'imitation', arm.first or name, run['seed'])
  done = json.loads((begin / 'finished.json').read_text())
  about['imitation'] = done['evaluated']
  log = begin / 'metrics.jsonl'
  about['updates'] = results.read_lines(log)[-1]['step']
  if arm.says:
    about['said'] = [said(x, args.data) for x in (begin, run['folder'])]
  return about


def returned(state):
  """The return of a state of `hours.after`, which may be missing."""
  return state and state['return']


def rows(found):
  """The table, a row for each arm: means over seeds and each seed."""
  for name, runs in found.items():
    get = lambda f, digits=2, runs=runs: hours.cell(
      [f(x) for x in runs], digits
    )
    yield (
      name,
      {
        'imitation': get(lambda x: x.get('imitation', {}).get('return_mean')),
        **{
          f'@{int(k):,}': get(lambda x, k=k: returned(x['at'][k]))
          for k in runs[0]['at']
        },
        'end': get(lambda x: returned(x['end'])),
        'steps': get(lambda x: x['end']['steps'], 0),
        'new episodes': get(lambda x: x['evaluated']['return_mean']),
        'score': get(lambda x: x['evaluated']['crafter_score'], 1),
        'said before': get(lambda x: x.get('said', [{}])[0].get('said_all')),
        'said after': get(lambda x: x.get('said', [{}])[-1].get('said_all')),
      },
    )


def draw(found, imitation, path):
  """Returns by steps of reinforcement, and by core-minutes; rings are new
  episodes."""
  figure, axes = plots.figure(2)
  colors = [*plots.COLORS, *(f'C{i}' for i in range(10))]
  for color, (name, runs) in zip(colors, found.items(), strict=False):
    line = {'color': color, 'label': name}
    begin = 0 if name == NOTHING else imitation
    for axis, key, more in zip(axes, ('steps', 'minutes'), (0, begin),
                               strict=True):  # fmt: skip
      pairs = [
        (np.add(x['curve'][key], more), x['curve']['return']) for x in runs
      ]
      plots.band(axis, *curves.aligned(pairs, hours.POINTS), **line)
      ends = [x['curve'][key][-1] + more for x in runs]
      final = [x['evaluated']['return_mean'] for x in runs]
      axis.plot(ends, final, 'o', color=color, ms=5, mfc='none')
  axes[0].set(title=f'Return of {hours.RECENT} episodes (ring: new ones)',
              xlabel='steps of reinforcement')  # fmt: skip
  axes[1].set(title='With the time of imitation', xlabel='core-minutes')
  for axis in axes:
    axis.set_ylim(bottom=0)
  axes[0].legend()
  plots.save(figure, path)


def options(argv):
  """Reads the command line."""
  parser = arguments.parser(__doc__, 'arms')
  add, path = parser.add_argument, pathlib.Path
  add('--logdir', type=path, required=True)
  add('--data', type=path, required=True, help='plans of the expert')
  add('--arms', nargs='+', choices=ARMS, default=[*ARMS])
  add('--seeds', type=arguments.count, default=3, help='how many')
  add('--first', type=arguments.whole(0), default=0, help='the first seed')
  add('--imitation', type=arguments.number(1e5), default=12.0)
  add('--reinforcement', type=arguments.number(1e5), default=12.0)
  add('--episodes', type=arguments.count, default=50, help='new ones')
  add('--jobs', type=arguments.count, default=1, help='runs at once')
  return parser.parse_args(argv)


def main(argv):
  """Runs the command line."""
  args = options(argv)
  with lock.hold(Folder(args.logdir)):
    if any(ARMS[x].shuffled for x in args.arms):
      out, part = shuffled(args), args.logdir / 'shuffling'
      if not out.exists():
        shutil.rmtree(part, ignore_errors=True)
        shuffle(args.data, part)
        part.rename(out)
    perform(imitations(args), args)
    later = reinforcements(args)
    perform(later, args)
  found = {}
  for run in later:
    name = run['label'].split()[1]
    found.setdefault(name, []).append(measured(args, run))
  found = results.plain(found)
  about = {'imitation': args.imitation, 'reinforcement': args.reinforcement}
  results.write(
    args.out, {'command': results.command(), **about, 'arms': found}
  )
  draw(found, args.imitation, args.out)
  results.table(dict(rows(found)))


if __name__ == '__main__':
  # As after Ctrl-C, the processes of runs are ended.
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
  arguments.run(main)
