"""The floors: a module imports from lower floors and its own folder only."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent

FLOORS = {
  'ponderdream.api': 10,
  'ponderdream.train': 9,
  'ponderdream.evaluate': 9,
  'ponderdream.battle': 9,
  'ponderdream.demonstrate': 10,
  'ponderdream.runs': 8,
  'ponderdream.policy': 8,
  'ponderdream.datasets': 8,
  'ponderdream.factories': 8,
  'ponderdream.agent': 7,
  'ponderdream.learn': 6,
  'ponderdream.objectives': 5,
  'ponderdream.dream': 4,
  'ponderdream.models': 3,
  'ponderdream.parts': 3,
  'ponderdream.state': 3,
  'ponderdream.world': 2,
  'ponderdream.goals': 2,
  'ponderdream.losses': 2,
  'ponderdream.distributed': 2,
  'ponderdream.nets': 1,
  'ponderdream.ponder': 1,
  'ponderdream.tokenizer': 1,
  'ponderdream.texts': 2,
  'ponderdream.trackers': 1,
  'ponderdream.recorder': 2,
  'ponderdream.watch': 2,
  'ponderdream.page': 1,
  'ponderdream.checkpoint': 1,
  'ponderdream.meta': 1,
  'ponderdream.settings': 1,
  'ponderdream.lrxc': 1,
  # A command; `collect --policy` needs the agent.
  'ponderdream.lrxc.__main__': 11,
  'embodied': 0,
}
# Rooms that know nothing but a few packages.
ALONE = {
  'ponderdream.ponder': {'jax'},
  'ponderdream.page': {'embodied', 'numpy', 'plotly'},
  'ponderdream.lrxc': {
    'PIL', 'embodied', 'gymnasium', 'imageio_ffmpeg', 'minari', 'numpy',
    'openai', 'pyarrow', 'pydantic', 'rich',
  },
  'embodied': {
    'crafter', 'gymnasium', 'imageio_ffmpeg', 'numba', 'numpy',
    'mlflow', 'opensimplex', 'PIL', 'rich', 'ruamel', 'tensorboardX', 'wandb',
  },
}  # fmt: skip
FRAMEWORKS = ('jax', 'flax', 'optax', 'chex', 'tensorflow_probability')


def modules():
  """Names and paths of all our modules."""
  for folder in ('ponderdream', 'embodied'):
    for path in sorted((ROOT / folder).rglob('*.py')):
      name = '.'.join(path.relative_to(ROOT).with_suffix('').parts)
      yield name.removesuffix('.__init__'), path


def imports(path):
  for node in ast.walk(ast.parse(path.read_text())):
    if isinstance(node, ast.Import):
      yield from (x.name for x in node.names)
    elif isinstance(node, ast.ImportFrom):
      yield from (f'{node.module}.{x.name}' for x in node.names)


def room(name):
  """The longest entry of FLOORS that `name` lies in."""
  found = [x for x in FLOORS if name == x or name.startswith(x + '.')]
  return max(found, key=len, default=None)


@pytest.mark.parametrize('name, path', list(modules()), ids=lambda x: str(x))
def test_no_arrow_runs_up(name, path):
  if name == 'ponderdream':
    # Its functions are imported when they are used.
    assert set(imports(path)) <= {'importlib', 'typing.Any'}
    return
  here = room(name)
  assert here, f'{name} has no floor; give it one in FLOORS.'
  for target in imports(path):
    there = room(target)
    if there and there != here:
      assert FLOORS[there] <= FLOORS[here], f'{name} imports {target}.'
      same = FLOORS[there] == FLOORS[here]
      folder = (ROOT / here.replace('.', '/')).is_dir()
      assert not (same and folder), f'{name} imports {target}, of its floor.'


@pytest.mark.parametrize('name', ALONE)
def test_some_rooms_stand_alone(name):
  for module, path in modules():
    if room(module) == name:
      for target in imports(path):
        top = target.split('.')[0]
        inside = target.startswith(name)
        known = top in sys.stdlib_module_names or top in ALONE[name]
        assert inside or known, f'{module} imports {target}.'


def test_only_two_files_name_devices_and_probability():
  for name, path in modules():
    text = path.read_text()
    if name != 'ponderdream.distributed.devices':
      assert 'jax.devices' not in text, name
      assert 'pmap(' not in text.replace('devices.pmap(', ''), name
    if name != 'ponderdream.nets.dists':
      assert 'tensorflow_probability' not in text, name


def test_an_environment_process_does_not_load_jax():
  # What a spawned worker imports: its environments, and the main module.
  code = (
    'import sys, embodied, embodied.envs, ponderdream.train;'
    f'bad = [x for x in {FRAMEWORKS} if x in sys.modules];'
    'assert not bad, bad'
  )
  subprocess.run([sys.executable, '-c', code], cwd=ROOT, check=True)


def test_the_top_level_is_as_agreed():
  tracked = subprocess.run(
    ['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True
  ).stdout.split()
  if not tracked:
    pytest.skip('Not a git checkout.')
  top = {x.split('/')[0] for x in tracked if not x.startswith('.')}
  assert top <= {
    'ponderdream', 'embodied', 'configs.yaml', 'tests', 'scripts', 'setup.py',
    'README.md',
  }  # fmt: skip


def test_no_import_is_renamed_to_end_in_an_underscore():
  folders = ('embodied', 'ponderdream', 'scripts', 'tests')
  files = [x for name in folders for x in (ROOT / name).rglob('*.py')]
  assert len(files) > 300
  for path in files:
    found = re.findall(r'^.* as \w*_,?$', path.read_text(), re.M)
    assert not found, f'{path} has {found}; import the function, or rename it.'
