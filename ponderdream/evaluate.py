"""Evaluates a checkpoint of a run.

python -m ponderdream.evaluate --logdir DIR --episodes 20

  --step S       step of the checkpoint; by default the newest one
  --best         use the checkpoint of the best training return
  --checkpoints  folder of the checkpoints if it is not logdir/checkpoints
  --task T       the task again, if it imports a module: gymnasium_MODULE:ID
  --wrappers W   env.gymnasium.wrappers again, if there were some
  --halt H       sample (as in training) or median: how pondering stops
  --suppress K   disable halting at the first K ponder steps
  --goal G       what the agent is to do, in words, if its goals are texts
  --greedy       take the most probable action instead of sampling
  --random       evaluate uniformly random actions instead of the agent
  --envs N       number of environments
  --limit N      steps after which an episode is cut off
  --video        write a video with the number of ponder steps, and with the
                 goal of each step in words, if the agent has words; an
                 environment of Gymnasium without pictures is rendered for it
  --page         record episodes, and write page.html into the logdir, which
                 plays them beside the curves of the run
"""

import json
import pathlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import embodied
from embodied import signals
from embodied.config import Config
from embodied.config.flags import apply, asks_for_help, split_flags
from embodied.errors import EnvironmentFailed, Stopped, UsageError
from embodied.files import Folder
from ponderdream import settings, texts
from ponderdream.page import html
from ponderdream.page import write as page
from ponderdream.page.run import EPISODES, Run

if TYPE_CHECKING:
  from ponderdream.recorder import Recorder
  from ponderdream.trackers import Film

OPTIONS = Config(
  {
    'logdir': '',
    'episodes': 20,
    'checkpoints': '',
    'task': '',
    'wrappers': [],
    'step': -1,
    'best': False,
    'halt': 'sample',
    'suppress': 0,
    'goal': '',
    'greedy': False,
    'random': False,
    'envs': 4,
    'limit': 100_000,
    'video': False,
    'page': False,
  }
)

# Number of the first environment; those of training count from zero.
FIRST = 2**40


def main(argv: Sequence[str]) -> int:
  """Runs the command line; returns the exit code."""
  if asks_for_help(argv):
    print(__doc__)
    return 0
  try:
    switches = ('best', 'greedy', 'random', 'video', 'page')
    flags = split_flags(argv, switches)
    options = apply(OPTIONS, flags)
    check(options)
    config = settings.recall(options.logdir, options.task, options.wrappers)
    with signals.stop_requested() as stop:
      return run(config, options, stop.is_set)
  except Stopped:
    print('Stopped; nothing was written.')
    return 130
  except UsageError as error:
    print(f'Error: {error}', file=sys.stderr)
    return 2
  except (EnvironmentFailed, FloatingPointError, OSError) as error:
    print(f'Error: {error}', file=sys.stderr)
    return 1


def check(options: Config) -> None:
  """Raises UsageError for options that are not valid."""
  if not options.logdir:
    raise UsageError('Add --logdir DIR, the folder of a run.')
  if options.episodes < 1 or options.envs < 1:
    raise UsageError(
      'Evaluate at least 1 episode in at least 1 environment; got --episodes'
      f' {options.episodes} and --envs {options.envs}.'
    )
  if options.limit < 1:
    raise UsageError(f'--limit is 1 or more, not {options.limit}.')
  if options.best and options.step >= 0:
    raise UsageError('Give --step or --best, not both.')
  if options.halt not in ('sample', 'median'):
    raise UsageError(f"--halt is sample or median, not '{options.halt}'.")
  if options.suppress < 0:
    raise UsageError(f'--suppress is 0 or more, not {options.suppress}.')
  if options.page and options.suppress:
    raise UsageError('Give --page or --suppress, not both.')
  if options.page:
    html.check()


def run(
  config: Config, options: Config, stop_requested: Callable[[], bool]
) -> int:
  """Evaluates, prints the table, writes the files; returns the exit code.
  Raises Stopped if `stop_requested` says so."""
  from embodied.run import evaluate as loop
  from ponderdream import factories
  from ponderdream.trackers import FRAMES

  config = factories.setup(config)
  config = texts.asked(config, options.goal)
  folder = Folder(config.logdir, 'eval')
  envs = min(options.envs, options.episodes)
  frames = FRAMES if options.video or options.page else 0
  driver = factories.make_driver(
    config, envs, FIRST, stop_requested, frames, options.limit
  )
  try:
    step, agent = restore(driver, config, options)
    film = make_film(driver, config) if options.video else None
    recorder = make_recorder(driver, config, agent) if options.page else None
    more = [x for x in (film, recorder) if x]
    trackers = [*factories.make_trackers(config), *more]
    episodes = loop.evaluate(
      agent, driver, options.episodes, trackers, stop_requested
    )
  finally:
    driver.close()
  found = {'step': step, **loop.summary(episodes, trackers)}
  found |= {'limit': options.limit, 'restarts': driver.restarts}
  kept = ('halt', 'suppress', 'greedy', 'random', 'goal')
  found |= {k: options[k] for k in kept}
  name = named(step, options)
  folder.replace(f'{name}.json', json.dumps(found, indent=2).encode() + b'\n')
  table(found)
  print(f'Written to {folder.path / f"{name}.json"}')
  if options.video:
    write_film(folder, f'{name}.mp4', film)
  if recorder:
    content = json.dumps(recorder.content(step)).encode()
    folder.replace(f'{name}{EPISODES}', content)
    write_page(pathlib.Path(config.logdir))
  return 0


def named(step: int, options: Config) -> str:
  """What the files of an evaluation are called, without an ending."""
  name = 'random' if options.random else str(step)
  name += '-greedy' if options.greedy else ''
  name += f'-{options.halt}' if options.halt != OPTIONS.halt else ''
  name += f'-limit{options.limit}' if options.limit != OPTIONS.limit else ''
  name += f'-suppress{options.suppress}' if options.suppress else ''
  words = re.findall('[a-z0-9]+', options.goal.lower())
  return '-'.join([name, *words])[:80]


def restore(
  driver: embodied.Driver, config: Config, options: Config
) -> tuple[int, embodied.Agent]:
  """The step of the checkpoint (0 for random actions), and the agent."""
  from ponderdream import checkpoint, factories
  from ponderdream.agent import Acting

  if options.random:
    obs_space, act_space = driver.obs_space, driver.act_space
    return 0, embodied.RandomAgent(obs_space, act_space, config.seed)
  if options.suppress and config.ponder.mode == 'none':
    raise UsageError(
      '--suppress makes an agent ponder longer, and this one does not ponder:'
      " its ponder.mode is 'none'."
    )
  if options.suppress and not config.inner.tied:
    raise UsageError(
      '--suppress makes an agent ponder longer; this one has no further'
      ' levels, as each has parameters of its own (inner.tied False).'
    )
  shown = options.video or options.page
  acting = Acting(
    options.halt, options.greedy, options.suppress, shown, options.page
  )
  spaces = driver.obs_space, driver.act_space
  agent = factories.make_agent(spaces, config, {'eval': acting})
  # Paths in config.yaml are not used: the run may come from somebody else.
  where = options.checkpoints or pathlib.Path(config.logdir) / 'checkpoints'
  step = None if options.step < 0 else options.step
  return checkpoint.restore(agent, where, step, options.best), agent


def table(found: Mapping[str, Any]) -> None:
  """Prints the summary of an evaluation."""
  from rich.console import Console
  from rich.table import Table

  show = Table(title=f'{found["episodes"]} episodes at step {found["step"]}')
  show.add_column('')
  show.add_column('value', justify='right')
  width = found['return_ci95']
  spread = '' if width is None else f' ± {width:.2f}'
  show.add_row('return (95% interval)', f'{found["return_mean"]:.2f}{spread}')
  for name, mean in found['worlds'].items():
    show.add_row(f'return in {name}', f'{mean:.2f}')
  show.add_row('length', f'{found["length_mean"]:.1f}')
  if found['cut']:
    show.add_row(f'cut off at {found["limit"]} steps', str(found['cut']))
  if found['restarts']:
    show.add_row('restarts of environments', str(found['restarts']))
  for name, rate in found['success'].items():
    show.add_row(name.replace('_', ' '), f'{rate:.1f}%')
  if found['crafter_score'] is not None:
    show.add_row('Crafter score', f'{found["crafter_score"]:.2f}%')
  if found['ponder_steps_mean'] is not None:
    show.add_row('ponder steps', f'{found["ponder_steps_mean"]:.2f}')
    for steps, share in found['ponder_steps_histogram'].items():
      bar = '█' * round(20 * share)
      show.add_row(f'  {steps}', f'{bar} {100 * share:5.1f}%')
  Console().print(show)


def make_film(driver: embodied.Driver, config: Config) -> 'Film | None':
  """Films the first picture among the observations, or what is rendered;
  None without both."""
  from ponderdream.trackers import Film

  key = pictured(driver)
  return Film(key, texts.decoder(config)) if key else None


def pictured(driver: embodied.Driver) -> str | None:
  """The key of the pictures of a film; None if there are none."""
  from embodied.envs.gym import film

  spaces = driver.obs_space.items()
  keys = [k for k, v in spaces if v.role == 'image' or k == film.KEY]
  return keys[0] if keys else None


def make_recorder(
  driver: embodied.Driver, config: Config, agent: embodied.Agent
) -> 'Recorder':
  """Records what the page plays."""
  from ponderdream.recorder import Recorder

  note = ''
  if not getattr(agent, 'modelled', False):
    note = (
      'There is no imagined branch, because this agent has no world model that'
      ' was trained.'
    )
  discount = 1 - 1 / config.loss.horizon
  decode = texts.decoder(config)
  return Recorder(pictured(driver), decode, discount, note)


def write_film(folder: Folder, name: str, film: 'Film | None') -> None:
  """Writes the video, if the environment has pictures."""
  from embodied.log import video

  if film is None:
    print(
      'There is no video: the observations have no picture, and the'
      ' environment cannot be rendered.'
    )
    return
  video.write_mp4(folder, name, film.video(), 15)
  print(f'Written to {folder.path / name}')


def write_page(logdir: pathlib.Path) -> None:
  """Writes the page of the run."""
  run = Run(logdir, logdir.name or str(logdir))
  page.write([run], logdir / 'page.html')


if __name__ == '__main__':
  sys.exit(main(sys.argv[1:]))
