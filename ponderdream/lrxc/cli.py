"""Makes, checks and shows LRXC data.

python -m ponderdream.lrxc COMMAND ...

  collect --expert crafter --episodes 200 --out DIR
      play a scripted expert, and record what it sees, does and wants;
      the same command goes on where it was stopped
      --policy LOGDIR   a trained agent instead of an expert; with --expert,
                        the agent plays and the expert says what it would do
      --noise E         share of its actions that are random
      --variant V       other ways to play: NAME, or NAME=VALUE
      --length N        actions of an episode at most; the game's limit if 0
      --seed S          another seed gives other episodes
      --workers W       processes; as many as there are processors if 0
  validate PATH         check a data set, or a .jsonl file, in full
  stats DIR             counts, depths, lengths, endings and words
  show DIR EPISODE      draw the goals of an episode over time
      --first T --last T   only this part of it, in steps or seconds
      --out FILE           the picture; EPISODE.png if not given
  export DIR FILE       the plans as lines of JSON: a .jsonl file
  import FILE DIR       plans from there, or from a .json file of flat intents
      --steps OLD       the data set that has the steps of these episodes
  to-minari DIR ID      a Minari data set, lossless (needs the extra [minari])
  from-minari ID DIR    and back

From captions of game videos to a data set; each stage goes on where it was
stopped:

  ingest VIDEOS OUT     captions as yt-dlp leaves them, as words with times
      --language L      of the captions; en
  extract CAPTIONS OUT  the goals in what was said
      --with W          rules (offline, English) or llm (a language model)
      --game G          whose words the speakers use; crafter or battlefactory
      --model M         of --with llm, which needs the extra [llm]
      --base_url U      a server that speaks OpenAI's chat completions;
                        OpenAI's own if not given, with OPENAI_API_KEY
      --timeout S       seconds to wait for an answer
      --price_in P --price_out P   dollars per million tokens
      --max_price D     dollars to spend on this folder at most; no limit if 0
  score TREES OUT       the same trees, with the probability of each goal
      --against DIR     trees by another extractor, which may agree
  merge TREES CAPTIONS DIR   a data set, without copies of videos
  frames DIR CAPTIONS   pictures of the videos at the starts and ends of goals
      --size N          pixels of a side
"""

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from embodied import errors
from embodied.config import Config
from embodied.config.flags import apply, asks_for_help, split_flags
from embodied.errors import EnvironmentFailed, UsageError
from ponderdream.lrxc.workers import WorkerFailed

Run = Callable[[Config], int]


class Command(NamedTuple):
  """One command of the line.

  Attributes:
    run: module and function, which gets all arguments and options.
    arguments: names of the arguments, in their order.
    options: what flags can set, with defaults.
    switches: flags without a value.
  """

  run: str
  arguments: tuple[str, ...] = ()
  options: Mapping[str, Any] = {}
  switches: tuple[str, ...] = ()


ROOM = 'ponderdream.lrxc'
COMMANDS = {
  'collect': Command(
    f'{ROOM}.collect:collect',
    options={
      'expert': '', 'policy': '', 'out': '', 'episodes': 1, 'noise': 0.0,
      'variant': (), 'length': 0, 'seed': 0, 'workers': 0,
    },
  ),
  'validate': Command(f'{ROOM}.commands:validate', ('path',)),
  'stats': Command(f'{ROOM}.stats:stats', ('data',)),
  'show': Command(
    f'{ROOM}.show:show', ('data', 'episode'),
    {'first': 0.0, 'last': 0.0, 'out': ''},
  ),
  'export': Command(f'{ROOM}.commands:export', ('data', 'file')),
  'import': Command(
    f'{ROOM}.commands:import_', ('file', 'data'), {'steps': ''}
  ),
  'to-minari': Command(f'{ROOM}.minari_data:export', ('data', 'id')),
  'ingest': Command(
    f'{ROOM}.pipeline:read_captions', ('videos', 'out'), {'language': 'en'}
  ),
  'extract': Command(
    f'{ROOM}.pipeline:find_goals', ('captions', 'out'),
    {
      'with': 'rules', 'game': 'crafter', 'model': '', 'base_url': '',
      'timeout': 120.0, 'price_in': 0.0, 'price_out': 0.0, 'max_price': 0.0,
    },
  ),
  'score': Command(
    f'{ROOM}.pipeline:score_goals', ('trees', 'out'), {'against': ''}
  ),
  'merge': Command(
    f'{ROOM}.pipeline:merge_trees', ('trees', 'captions', 'data')
  ),
  'frames': Command(
    f'{ROOM}.pipeline:cut_frames', ('data', 'captions'), {'size': 64}
  ),
  'from-minari': Command(f'{ROOM}.minari_data:import_', ('id', 'data')),
}  # fmt: skip


def main(argv: Sequence[str], demonstrate: Run) -> int:
  """Runs the command line; returns the exit code.

  Args:
    demonstrate: what `collect --policy` does.
  """
  if not argv or asks_for_help(argv):
    print(__doc__)
    return 0
  try:
    name, options = parse(argv)
    if name == 'collect' and options.policy:
      return demonstrate(options)
    module, _, function = COMMANDS[name].run.partition(':')
    run: Run = getattr(importlib.import_module(module), function)
    return run(options)
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2
  except (EnvironmentFailed, WorkerFailed, OSError) as error:
    print(f'Error: {error}', file=sys.stderr)
    return 1


def parse(argv: Sequence[str]) -> tuple[str, Config]:
  """The command, and its arguments and options.

  Raises:
    UsageError: an unknown command or flag, or arguments too few or too many.
  """
  name, *rest = argv
  if name not in COMMANDS:
    raise UsageError(
      f"There is no command '{name}'. {errors.suggest(name, COMMANDS)}"
    )
  command = COMMANDS[name]
  count = next(
    (i for i, x in enumerate(rest) if x.startswith('--')), len(rest)
  )
  given, names = rest[:count], command.arguments
  if len(given) != len(names):
    usage = ' '.join([name, *(x.upper() for x in names)])
    raise UsageError(
      f'{name} takes {len(names)} arguments and got {len(given)}; write'
      f' python -m ponderdream.lrxc {usage}.'
    )
  flags = split_flags(rest[count:], command.switches)
  options = apply(Config(dict(command.options)), flags)
  arguments = Config(dict(zip(names, given, strict=True)))
  return name, Config({**arguments.flat, **options.flat})
