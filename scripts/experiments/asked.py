"""Does an agent do what it is asked for? Crafter's 22 achievements.

    python -m scripts.experiments.asked --logdir RUN

Plays episodes of --length steps with the goal of the run, and as many with
each of the other goals that the game names, in the same worlds. Prints, and
writes as JSON, for each achievement the share of the episodes that unlocked it
when it was asked for (`asked`) and when the whole task was (`task`), with 95%
intervals (Wilson 1927), and the ponder steps of both.
"""

import pathlib

from embodied import envs
from embodied.run import evaluate as loop
from ponderdream import evaluate, factories, settings, texts
from ponderdream.page import intervals
from scripts import arguments, results


def played(config, goal, episodes, count):
  """In how many of the episodes each achievement was unlocked, by name, and
  the mean number of ponder steps."""
  config = texts.asked(config, goal)
  driver = factories.make_driver(config, count, evaluate.FIRST)
  trackers = factories.make_trackers(config)
  try:
    _, agent = evaluate.restore(driver, config, evaluate.OPTIONS)
    found = loop.evaluate(agent, driver, episodes, trackers)
  finally:
    driver.close()
  found = loop.summary(found, trackers)
  share = {k: v / 100 for k, v in sorted(found['success'].items())}
  unlocked = {k: round(v * episodes) for k, v in share.items()}
  return unlocked, found['ponder_steps_mean']


def compared(name, goal, asked, task, episodes):
  """A row of the table."""
  there, here = (intervals.wilson(x, episodes) for x in (asked, task))
  return {
    'achievement': name,
    'goal': goal,
    'asked': there.value,
    'asked_ci95': there[1:],
    'task': here.value,
    'task_ci95': here[1:],
    'more': asked > task,
    'apart': there.low > here.high,
  }


def main(argv):
  """Runs the command line."""
  parser = arguments.parser(__doc__, 'asked')
  parser.add_argument('--logdir', type=pathlib.Path, required=True)
  parser.add_argument('--episodes', type=arguments.count, default=32)
  parser.add_argument('--length', type=arguments.count, default=300)
  parser.add_argument('--envs', type=arguments.count, default=8)
  args = parser.parse_args(argv)
  config = settings.recall(str(args.logdir))
  config = factories.setup(
    config.update({'env.crafter.length': args.length, 'run.parallel': False})
  )
  whole, *goals = envs.goals(config.task)
  task, steps = played(config, whole, args.episodes, args.envs)
  rows = []
  for name, goal in zip(task, goals, strict=True):
    asked, thought = played(config, goal, args.episodes, args.envs)
    row = compared(name, goal, asked[name], task[name], args.episodes)
    rows.append(row | {'ponder_steps': thought})
    print(
      f'{name:20} asked {row["asked"]:4.0%}  task {row["task"]:4.0%}'
      f'  {"more" if row["more"] else ""} {"apart" if row["apart"] else ""}',
      flush=True,
    )
  found = {
    'episodes': args.episodes,
    'length': args.length,
    'more': sum(x['more'] for x in rows),
    'apart': sum(x['apart'] for x in rows),
    'ponder_steps': steps,
    'rows': rows,
  }
  results.write(args.out, found)
  print(f'more often {found["more"]} of {len(rows)}, apart {found["apart"]}')


if __name__ == '__main__':
  arguments.run(main)
