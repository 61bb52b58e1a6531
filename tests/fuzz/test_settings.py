"""Random command lines and settings files: a sentence, or settings that make
sense and networks that can be built."""

import functools
import sys

import jax
import pytest
from hypothesis import strategies as st

from embodied.config import resolve
from embodied.config.flags import split_flags, take
from embodied.envs import make_env
from embodied.errors import UsageError
from ponderdream import factories, models, settings
from ponderdream.learn import optim
from ponderdream.settings import ranges
from ponderdream.train import FLAGS
from tests.fuzz import mutate

BLOCKS = settings.blocks()
PARSE = sys.modules['ponderdream.settings.parse']
CHOICES = PARSE.CHOICES
DEFAULTS = resolve(BLOCKS, [])
KEYS = [k for k in DEFAULTS.flat if not k.startswith('logdir')]
NUMBERS = [k for k in KEYS if ranges.bounds(k)]
WORDS = [
  '', ' ', '0', '-0', '-1', '1', '2', '3', '7', '1.5', '0.5', '1e3', '1e-3',
  '1e9', '-1e9', '1e30', '1e400', 'nan', 'inf', '-inf', '0x10', '1_000', '٣',
  ' 5 ', 'True', 'False', 'true', 'null', 'none', '[]', '[1, 2]', '{a: 1}',
  '1,2', 'a,b', ',', '=', 'a=1', '.*=1', '(=1', '\0', 'ä', 'x' * 5000,
  '9' * 400,
  '-', '--', 'replay', 'replay=0', 'old=nan', '~', '{timestamp}', '../..',
]  # fmt: skip
VALUES = [
  *WORDS, None, True, 0, -1, 1, 2, 1.5, 10**30, float('nan'), float('inf'),
  [], [1], [1, 'a'], [[1]], [None], {}, {'a': 1}, {'a': {'b': [1, 2]}},
]  # fmt: skip


@pytest.fixture(autouse=True)
def _read_once(monkeypatch):
  """The file takes longer to read than all else here."""
  monkeypatch.setattr(PARSE, 'blocks', lambda: BLOCKS)
  runs = sys.modules['ponderdream.settings.runs']
  monkeypatch.setattr(runs, 'blocks', lambda: BLOCKS)


# Lines of a file that mean something in YAML.
LINES = [
  '? [a]', ': b', '2001-99-99: 1', 'seed: 2001-99-99', 'seed: &a', '*a : 1',
  'seed: !!python/object:os.system x', '<<: 1', '<<: {seed: 3}', '\tseed: 1',
  '---', '...', '%YAML 9.9', '- a', '{', 'null: 1', '1: 2', 'true: 3',
  'seed: 1', 'a.b.c: 1', 'run: 3', '"": 1', '_x: 1', 'seed: |', '#', '!', '@',
  'seed: ' + '[' * 5000, 'seed: 0o7', 'seed: .nan',
  'seed: 1:30:00', 'seed: !!binary x', 'get: 1',
]  # fmt: skip


def misspelt(rng, text):
  """The text with a letter doubled, dropped or changed."""
  place = rng.randrange(len(text))
  with_ = rng.choice(['', text[place] * 2, rng.choice('x.-_é ')])
  return text[:place] + with_ + text[place + 1 :]


def a_key(rng):
  key = rng.choice(KEYS)
  match rng.randrange(12):
    case 0:
      return misspelt(rng, key)
    case 1:
      return key.rpartition('.')[0] or key  # a section
    case 2:
      return rf'.*\.{key.rpartition(".")[2]}'
    case 3:
      return rng.choice(['(', '.*', '[a', 'configs', '', '.', '*', '..'])
  return key


def a_text(rng, key):
  """A text for a key: one that fits, or any other."""
  found = ranges.bounds(key)
  if found and rng.random() < 0.6:
    low, high = found
    return repr(
      rng.choice([low, high, min(high, low + 1), min(high, low + 3)])
    )
  if key in CHOICES and rng.random() < 0.7:
    return rng.choice(CHOICES[key])
  return rng.choice(WORDS)


def command_line(rng):
  """Arguments of `ponderdream.train`."""
  names = rng.sample([*BLOCKS], rng.randrange(4))
  if rng.random() < 0.1:
    names.append(misspelt(rng, rng.choice([*BLOCKS])))
  argv = ['--configs', *names] if names or rng.random() < 0.1 else []
  for _ in range(rng.choice([0, 1, 1, 1, 2, 3, 5])):
    key = a_key(rng)
    texts = [
      a_text(rng, key) for _ in range(rng.choice([0, 1, 1, 1, 1, 1, 2]))
    ]
    if len(texts) == 1 and rng.random() < 0.3:
      argv.append(f'--{key}={texts[0]}')
    else:
      argv += [f'--{key}', *texts]
  if rng.random() < 0.05:
    argv.insert(0, rng.choice(WORDS))
  return argv if rng.random() < 0.05 else [*argv, '--logdir', 'run']


def from_command_line(argv):
  found = split_flags(argv)
  names = take(found, 'configs')
  return settings.parse(names, found, FLAGS)


def settings_file(rng):
  """The text of a `config.yaml`, most often one that could be of a run."""
  flat = dict(DEFAULTS.flat)
  for _ in range(rng.choice([0, 1, 1, 2, 4])):
    key = rng.choice(KEYS)
    if rng.random() < 0.2:
      flat.pop(key, None)
    elif rng.random() < 0.1:
      flat[misspelt(rng, key)] = rng.choice(VALUES)
    else:
      flat[key] = rng.choice(VALUES)
  lines = [f'{k}: {v!r}' for k, v in flat.items()]
  for _ in range(rng.choice([0, 0, 0, 1])):
    lines.insert(rng.randrange(len(lines)), rng.choice(LINES))
  text = '\n'.join(lines).replace('(', '[').replace(')', ']')
  for _ in range(rng.choice([0, 0, 0, 1, 3])):
    text = misspelt(rng, text)
  return text


def from_file(folder, text):
  (folder / 'config.yaml').write_text(text, errors='replace')
  return settings.recall(folder)


@functools.cache
def spaces():
  env = make_env('dummy_disc', 0, seed=0)
  return env.obs_space, env.act_space


def build(config):
  """An environment, and the shapes of the networks and optimizers."""
  env = dict(config.env.gymnasium)
  make_env('gymnasium_CartPole-v1', 0, seed=config.seed, **env).close()
  if config.jax.dtype == 'auto':
    config = config.update({'jax.dtype': 'float32'})
  factories.make_newest(config)
  built = models.build(config, *spaces())
  shapes = jax.eval_shape(built.init, jax.random.key(config.seed))
  for optimizer in optim.by_kind(config, shapes).values():
    jax.eval_shape(optimizer.init, shapes)


def judge(make, say):
  """The settings that `make` returns; None if it refused them in a sentence.
  `say` is shown after any other error."""
  try:
    return make()
  except UsageError as error:
    text = str(error)
    assert 10 < len(text) < 500 and '\n' not in text, (say, text)
    assert text.rstrip()[-1] in '.?', (say, text)
    return None
  except Exception as error:
    raise AssertionError(f'{say} raised {error!r}') from error


def sensible(config, say):
  for key in NUMBERS:
    value = config[key]
    low, high = ranges.bounds(key)
    for x in value if isinstance(value, tuple) else (value,):
      assert low <= x <= high, (say, key)


COMMANDS = st.builds(command_line, mutate.RANDOM)
FILES = st.builds(settings_file, mutate.RANDOM)
# Tried at every run.
KEPT_COMMANDS = (
  ['--configs', 'debug', '--seed', '1e400', '--logdir', 'run'],
  ['--opt.groups', '(=1', '--logdir', 'run'],
  ['--jax.distributed=', '--logdir', 'run'],
  ['--=' + 'x' * 5000],
  ['--' + 'x' * 5000, '1', '--' + 'x' * 5000, '2'],
  ['--' + 'x' * 5000],
)
KEPT_FILES = ('seed: ' + '[' * 5000, '? [a]\n: b', 'seed: 2001-99-99', '')


def check(make, built, given):
  """The settings that `make` makes of something given, which make sense; None
  if they were refused. If `built`, their networks are, too."""
  config = judge(functools.partial(make, given), given)
  if config is not None:
    sensible(config, given)
    if built:
      judge(functools.partial(build, config), given)
  return config


def fuzz(folder, commands, files, built=False, new=False):
  """How many random command lines and files were taken, and how many refused;
  of each so many are tried."""
  taken, refused = mutate.fuzz(
    functools.partial(check, from_command_line, built),
    COMMANDS, commands, KEPT_COMMANDS, new,
  )  # fmt: skip
  read = functools.partial(from_file, folder)
  more, others = mutate.fuzz(
    functools.partial(check, read, built), FILES, files, KEPT_FILES, new
  )
  return taken + more, refused + others


def test_random_settings(tmp_path):
  taken, refused = fuzz(tmp_path, 120, 30)
  assert taken > 8 and refused > 20


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_thousand_random_settings(tmp_path):
  taken, refused = fuzz(tmp_path, 16000, 4000, new=True)
  assert taken > 2000 and refused > 4000


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_two_thousand_random_settings_and_their_networks(tmp_path):
  taken, refused = fuzz(tmp_path, 2000, 500, built=True, new=True)
  assert taken > 200 and refused > 400
