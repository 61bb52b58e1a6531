"""Nested, immutable configuration whose types are set by the defaults.

The block `defaults` of a YAML file is the schema: it names every key, and the
type of its value is the type of the key. Other blocks and flags can only
override these keys.
"""

import io
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Never

import ruamel.yaml

from embodied import errors, files
from embodied.config import leaf
from embodied.config.leaf import Leaf
from embodied.errors import UsageError

PLAIN = re.compile(r'[A-Za-z0-9_.-]+')


class UnknownKeyError(UsageError):
  """An update names a key that the config does not have."""


class Config(Mapping[str, Any]):
  """An immutable tree of settings.

  Leaves are bool, int, float, str, or a tuple of one of them (lists become
  tuples). `cfg.run.steps`, `cfg['run.steps']` and `cfg['run']['steps']` are
  the same leaf; iteration and `len` are over the top level, `flat` over the
  leaves.

  Raises UsageError for a value of another type (such as null), a list of mixed
  types, and a key with characters other than letters, digits, `_` and `-`.
  """

  def __init__(self, values: Mapping[str, Any] | None = None) -> None:
    tree: dict[str, Any] = {}
    for key, value in (values or {}).items():
      _insert(tree, str(key).split('.'), value, str(key))
    _set_nodes(self, {k: _freeze(v, k) for k, v in tree.items()})

  @property
  def flat(self) -> dict[str, Leaf]:
    """All leaves as `{'run.steps': value}`, in their given order."""
    flat: dict[str, Leaf] = {}
    for key, value in self._nodes.items():
      if isinstance(value, Config):
        flat.update({f'{key}.{k}': v for k, v in value.flat.items()})
      else:
        flat[key] = value
    return flat

  def update(self, values: Mapping[str, Any]) -> 'Config':
    """A new Config with some leaves replaced, one after another.

    Args:
      values: Flat (`{'run.steps': 5}`) or nested (`{'run': {'steps': 5}}`).
        A key with characters outside `[A-Za-z0-9_.-]` is a regular expression
        for the complete flat keys of leaves. Text, such as the value of a
        flag, is converted to the type of the leaf.

    Raises:
      UnknownKeyError: A key matches no leaf.
      UsageError: A value has the wrong type.
    """
    flat = self.flat
    for pattern, value in _patterns(values, ''):
      for key in _match(pattern, flat, value):
        flat[key] = leaf.convert(key, flat[key], value)
    return _rebuild(self, flat)

  def save(self, path: str | os.PathLike[str]) -> None:
    """Write as YAML, in whole or not at all. `Config.load` returns an equal
    Config. Raises UsageError if a link or a pipe is in the place of the file.
    """
    text = io.StringIO()
    _yaml().dump(_plain(self), text)
    name = os.path.basename(path)
    files.beside(path).replace(name, text.getvalue().encode())

  @classmethod
  def load(cls, path: str | os.PathLike[str]) -> 'Config':
    """Read a file written by `save`. Raises UsageError if this fails."""
    return cls(_read(path))

  def __getitem__(self, key: str) -> Any:
    node: Any = self
    for part in key.split('.'):
      if not isinstance(node, Config) or part not in node._nodes:
        raise KeyError(
          f"No config key '{key}'. {errors.suggest(key, self.flat)}"
        )
      node = node._nodes[part]
    return node

  def __getattr__(self, name: str) -> Any:
    # Copying and unpickling read attributes before the nodes are set.
    nodes = self.__dict__.get('_nodes', {})
    if name not in nodes:
      raise AttributeError(
        f"No config key '{name}'. {errors.suggest(name, nodes)}"
      )
    return nodes[name]

  def __setattr__(self, name: str, value: Any) -> Never:
    raise AttributeError(
      f"A Config is immutable; use config.update({{'{name}': ...}})."
    )

  def __delattr__(self, name: str) -> Never:
    raise AttributeError(f"A Config is immutable; '{name}' cannot be deleted.")

  def __iter__(self) -> Iterator[str]:
    return iter(self._nodes)

  def __len__(self) -> int:
    return len(self._nodes)

  def __reduce__(self) -> tuple[type['Config'], tuple[dict[str, Any]]]:
    return Config, (_plain(self),)

  def __repr__(self) -> str:
    body = ', '.join(f'{k}={v!r}' for k, v in self.flat.items())
    return f'Config({body})'


def load_blocks(path: str | os.PathLike[str]) -> dict[str, Any]:
  """Read a YAML file of named blocks, `{'defaults': {...}, 'debug': ...}`.

  Raises UsageError if the file is missing, is not YAML, has a key twice, or
  has values other than mappings at its top level.
  """
  blocks = _read(Path(path).resolve())
  for name, block in blocks.items():
    if not isinstance(block, Mapping):
      raise UsageError(
        f"Block '{name}' of {path} has to be a mapping of keys to values,"
        f' not {block!r}.'
      )
  return blocks


def resolve(blocks: Mapping[str, Any], names: Collection[str]) -> Config:
  """The block `defaults`, overridden by the named blocks in their order.

  Raises UsageError for an unknown block, and for a block with a key that
  `defaults` does not have, or with a value of another type.
  """
  if 'defaults' not in blocks:
    raise UsageError("The config file needs a block named 'defaults'.")
  config = Config(blocks['defaults'])
  for name in names:
    if name not in blocks:
      raise UsageError(
        f'No config block is named {errors.quoted(name)}.'
        f' {errors.suggest(name, blocks)}'
      )
    try:
      config = config.update(blocks[name])
    except UsageError as e:
      raise UsageError(f"Config block '{name}': {e}") from None
  return config


def diff(a: Config, b: Config, ignore: Collection[str] = ()) -> list[str]:
  """Sorted flat keys that only one config has, or whose values differ.

  Without keys that match one of the regular expressions in `ignore` as a
  whole.
  """
  left, right = a.flat, b.flat
  return sorted(
    key
    for key in left.keys() | right.keys()
    if (key not in left or key not in right or left[key] != right[key])
    and not any(re.fullmatch(pattern, key) for pattern in ignore)
  )


# What the parser raises: also for dates that are none, and deep nesting.
BAD_YAML = (ruamel.yaml.error.YAMLError, ValueError, TypeError, RecursionError)


def _yaml() -> ruamel.yaml.YAML:
  # The pure loader reads YAML 1.2, in which 4e-5 is a number.
  yaml = ruamel.yaml.YAML(typ='safe', pure=True)
  yaml.default_flow_style = False
  yaml.representer.sort_base_mapping_type_on_output = False
  return yaml


def _read(path: str | os.PathLike[str]) -> dict[str, Any]:
  try:
    content = files.beside(path).read(os.path.basename(path))
  except OSError as e:
    raise UsageError(f'Cannot read the config file {path}: {e}.') from None
  try:
    values = _yaml().load(content.decode())
  except BAD_YAML as e:
    raise UsageError(f'{path} is not a valid YAML file{_reason(e)}.') from None
  if not isinstance(values, dict):
    raise UsageError(f'{path} has to be a YAML mapping of keys to values.')
  return values


def _reason(error: Exception) -> str:
  if isinstance(error, ruamel.yaml.error.MarkedYAMLError):
    place, problem = error.problem_mark, error.problem
    line = f' (line {place.line + 1})' if place else ''
    return f'{line}: {problem or error.context}'
  return f': {" ".join(str(error).split())}'


def _set_nodes(config: Config, nodes: dict[str, Any]) -> None:
  object.__setattr__(config, '_nodes', nodes)


def _insert(
  tree: dict[str, Any], parts: list[str], value: Any, name: str
) -> None:
  """Put `value` into nested dicts; dots in keys separate the levels."""
  *sections, last = parts
  for part in sections:
    tree = tree.setdefault(part, {})
    if not isinstance(tree, dict):
      raise UsageError(
        f"'{name}' needs the section '{part}', but '{part}' is a value."
      )
  if isinstance(value, Mapping):
    section = tree.setdefault(last, {})
    if not isinstance(section, dict):
      raise UsageError(
        f"'{name}' is both a value and a section; rename one of them."
      )
    for key, item in value.items():
      _insert(section, str(key).split('.'), item, f'{name}.{key}')
  elif last in tree:
    raise UsageError(f"'{name}' is given twice; remove one of them.")
  else:
    tree[last] = value


def _freeze(value: Any, name: str) -> Any:
  """Check a key and its value; returns the value, made immutable."""
  last = name.rsplit('.', 1)[-1]
  if not PLAIN.fullmatch(last) or last[0] == '_':
    raise UsageError(
      f"The config key '{name}' may only contain letters, digits, '_' and '-',"
      " and may not start with '_'."
    )
  if hasattr(Config, last):
    raise UsageError(
      f"The config key '{name}' is also a method of Config; rename the key."
    )
  if isinstance(value, dict):
    section = Config()
    nodes = {k: _freeze(v, f'{name}.{k}') for k, v in value.items()}
    _set_nodes(section, nodes)
    return section
  return leaf.check(name, value)


def _patterns(
  values: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, Any]]:
  """Flat `(key or regex, value)` pairs of a nested update."""
  for part, value in values.items():
    key = f'{prefix}{part}'
    if PLAIN.fullmatch(prefix) and not PLAIN.fullmatch(str(part)):
      key = f'{re.escape(prefix)}{part}'
    if isinstance(value, Mapping):
      dot = '.' if PLAIN.fullmatch(key) else r'\.'
      yield from _patterns(value, key + dot)
    else:
      yield key, value


def _match(pattern: str, flat: Mapping[str, Any], value: Any) -> list[str]:
  """The leaves that a key or regular expression names; at least one."""
  if PLAIN.fullmatch(pattern):
    keys = [pattern] if pattern in flat else []
  else:
    try:
      keys = [key for key in flat if re.fullmatch(pattern, key)]
    except re.error as e:
      raise UsageError(
        f"The config key '{pattern}' is not a valid regular expression: {e}."
      ) from None
  if keys:
    return keys
  if any(key.startswith(f'{pattern}.') for key in flat):
    raise UsageError(
      f"'{pattern}' is a section and cannot be set to"
      f' {errors.quoted(value)}; set one of its keys.'
    )
  hint = errors.suggest(pattern, flat)
  raise UnknownKeyError(
    f'No config key matches {errors.quoted(pattern)}. {hint}'
  )


def _rebuild(config: Config, flat: Mapping[str, Leaf]) -> Config:
  """The same tree with the leaves of `flat`; empty sections stay."""

  def build(node: Config, prefix: str) -> dict[str, Any]:
    return {
      k: build(v, f'{prefix}{k}.')
      if isinstance(v, Config)
      else flat[prefix + k]
      for k, v in node.items()
    }

  return Config(build(config, ''))


def _plain(config: Config) -> dict[str, Any]:
  def plain(value: Any) -> Any:
    if isinstance(value, Config):
      return _plain(value)
    return list(value) if isinstance(value, tuple) else value

  return {k: plain(v) for k, v in config.items()}
