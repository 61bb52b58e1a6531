"""Kills commands of every kind at random moments: nothing finished is lost.

    python -m scripts.experiments.kills --logdir logdir/kills

Each command gets SIGKILL `--kills` times: mostly some time after it has made
progress, now and then while it starts. Then the same command starts again. It
has to go on exactly where the killed one ended: with all steps that were in
the replay, each once, from the newest checkpoint, with all shards and records;
and the children of the killed process have to end. `engine` kills the Node
child of the Battle Factory instead, and training has to go on. Adds what was
seen to the lists in scripts/results/kills.json, by kind. What a kind needs (a
run, plans) is made once in --logdir.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import time

from scripts import arguments, results, spoken
from scripts.trainings import Training
from scripts.victims import Again, DataSet, Files, Victim, children, need

# Copies of the captions.
COPIES = 60
# Share of the kills that wait for progress first, and seconds of a start.
WORKING, STARTING = 0.75, 8.0
COUNT = ('dummy', 'pondernet', 'debug', '--task', 'dummy_count')
ENVS = ('--run.envs', 2, '--replay.chunk', 32)
WORDS = ('crafter', 'pondernet', 'debug', 'words')
LEVELS = ('--ponder.max_steps', 6)
FACTORY = ('debug', '--task', 'battlefactory_battle', '--run.train_ratio', 2)
COLLECT = ('ponderdream.lrxc', 'collect', '--expert', 'crafter', '--length')


def old(work):
  """A run of 300 steps."""
  argv = ('--configs', *COUNT, *ENVS, '--run.steps', 300, '--logdir')
  return made(work / 'old', 'ponderdream.train', *argv)


def plans(work):
  """Eight episodes of the expert, with plans in words."""
  argv = (*COLLECT, 40, '--episodes', 8, '--out')
  return made(work / 'plans', *argv)


def imitator(work):
  """A run that has learnt from plans."""
  argv = ('--configs', *WORDS, 'phase1', *LEVELS, '--run.steps', 20)
  return made(
    work / 'imitator', 'ponderdream.train', *argv, '--data', plans(work),
    '--logdir',
  )  # fmt: skip


def made(folder, *argv, start=None):
  """The folder that a command makes, which is the last of its arguments, out
  of a copy of the folder `start` if there is one."""
  if not folder.exists():
    # It goes on if this process was ended.
    part = folder.with_name(f'{folder.name}-part')
    if start:
      shutil.copytree(start, part, dirs_exist_ok=True)
    victim = Victim(part, *argv, part)
    victim.start()
    victim.finish()
    part.rename(folder)
  return folder


def phase4(folder, work):
  return Training(
    folder, '--configs', *WORDS, 'phase4', *LEVELS, *ENVS, '--data',
    plans(work), '--init_from', imitator(work), '--ppo.batch', 2,
    '--ppo.length', 8, learns=False,
  )  # fmt: skip


def factory(folder, work):
  return Training(folder, '--configs', *FACTORY, *ENVS, learns=False)


def collect(folder, work):
  argv = (*COLLECT, 12, '--workers', 2, '--episodes', 200, '--out')
  right = made(work / 'collected', *argv)
  return DataSet(folder, right, *argv, folder, life=1.0)


def extract(folder, work):
  videos = work / 'videos'
  videos.mkdir(exist_ok=True)
  for path in spoken.FOLDER.iterdir():
    for number in range(COPIES):
      shutil.copy(path, videos / f'{number}-{path.name}')
  words = made(work / 'words', 'ponderdream.lrxc', 'ingest', videos)
  argv = ('ponderdream.lrxc', 'extract', words)
  right = made(work / 'trees', *argv)
  return Files(folder, right, *argv, folder, life=0.6)


def evaluate(folder, work):
  """Evaluates again what has been evaluated."""
  argv = ('ponderdream.evaluate', '--episodes', 8, '--logdir')
  right = made(work / 'evaluated', *argv, start=old(work))
  return Again(shutil.copytree(right, folder), right, *argv, folder)


KINDS = {
  'train': lambda folder, work: Training(folder, '--configs', *COUNT, *ENVS),
  'data': lambda folder, work: Training(
    folder, '--configs', *COUNT, *ENVS, '--data', 'replay', old(work)
  ),
  'offline': lambda folder, work: Training(
    folder, '--configs', *COUNT, '--run.script', 'offline', '--data', old(work)
  ),
  'phase1': lambda folder, work: Training(
    folder, '--configs', *WORDS, 'phase1', *LEVELS, '--data', plans(work)
  ),
  'phase4': phase4,
  'factory': factory,
  'engine': factory,
  'collect': collect,
  'extract': extract,
  'evaluate': evaluate,
}


def killed(victim, rng):
  """Starts the command, and kills it at a random moment. Returns what was
  finished just before, whether it had made progress, and whether it was killed
  indeed, and had not ended by itself."""
  working = rng.random() < WORKING
  victim.start()
  try:
    if working:
      victim.wait_for_progress()
    time.sleep(rng.uniform(0, victim.life if working else STARTING))
    before = victim.look()
  finally:
    alive = victim.kill()
  return before, working, alive


def torment(victim, kills, rng):
  """Kills a command again and again, and lets it end; returns what was seen.
  Raises Lost."""
  victim.begin()
  left, said, worked, done = victim.look(), 0, 0, 0
  while done < kills:
    before, working, alive = killed(victim, rng)
    said += victim.resumed(left)
    victim.keeps(left, before)
    left = victim.look()
    victim.keeps(before, left)
    victim.check_orphans()
    worked, done = worked + (working and alive), done + alive
    if not alive and not victim.again:
      break  # its work is done
  victim.start()
  victim.finish()
  victim.keeps(left, victim.look())
  said += victim.resumed(left)
  return {
    'kills': done, 'while_working': worked, 'while_starting': done - worked,
    'resumed_said': said, **victim.whole(done),
  }  # fmt: skip


def torment_children(victim, kills, rng):
  """Kills a Node child of the training again and again, which goes on."""
  victim.start()
  victim.wait_for_progress()
  for _ in range(kills):
    before = victim.look()
    victim.wait(lambda: nodes(victim))
    child = rng.choice(nodes(victim))
    time.sleep(rng.uniform(0, 1))
    os.kill(child, signal.SIGKILL)
    victim.wait_for_progress()
    victim.keeps(before, victim.look())
    need(child not in nodes(victim), f'The child {child} lives on.')
  victim.finish()
  victim.check_orphans()
  return {'kills': kills, **victim.whole(0)}


def nodes(victim):
  """The Node children of a training."""
  paths = [pathlib.Path(f'/proc/{x}') for x in children(victim.marks[-1])]
  return [
    int(x.name)
    for x in paths
    if x.exists() and b'engine.js' in (x / 'cmdline').read_bytes()
  ]


def main(argv):
  parser = arguments.parser(__doc__, 'kills')
  add = parser.add_argument
  add('--logdir', type=pathlib.Path, required=True)
  add('--kinds', nargs='+', default=[*KINDS], choices=[*KINDS])
  add('--kills', type=arguments.count, default=6)
  add('--seed', type=arguments.whole(0), default=0)
  args = parser.parse_args(argv)
  args.logdir.mkdir(parents=True, exist_ok=True)
  path = results.named(args.out, '.json')
  found = json.loads(path.read_text()) if path.exists() else {}
  for name in args.kinds:
    folder = args.logdir / 'killed' / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    victim = KINDS[name](folder, args.logdir)
    how = torment_children if name == 'engine' else torment
    begin = time.monotonic()
    seen = how(victim, args.kills, random.Random(f'{name}{args.seed}'))
    seen['seconds'] = time.monotonic() - begin
    found.setdefault(name, []).append({**seen, 'seed': args.seed})
    print(name, json.dumps(results.plain(seen)), flush=True)
    results.write(args.out, found)


if __name__ == '__main__':
  arguments.run(main)
