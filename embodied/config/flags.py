"""Command-line flags: `--run.steps 1e6`, `--run.steps=1e6`, `--configs a b`.

Flags are split into names and texts first, so that a program can take the
ones it knows itself (`configs`, `logdir`); the rest overrides a Config.
"""

from collections.abc import Collection, Mapping, Sequence

from embodied import errors
from embodied.config import Config, UnknownKeyError
from embodied.errors import UsageError


def split_flags(
  argv: Sequence[str], switches: Collection[str] = ()
) -> dict[str, list[str]]:
  """Split arguments into `{flag: values}`, in their order.

  Args:
    argv: Arguments without the program's name.
    switches: Flags that may stand alone; they get the value 'True'.

  Returns:
    Lists of texts, empty where a flag stands alone.

  Raises:
    UsageError: A value without a flag, or a flag that was given twice.
  """
  flags: dict[str, list[str]] = {}
  values: list[str] | None = None
  for arg in argv:
    if not arg.startswith('--'):
      if values is None:
        raise UsageError(
          f"The argument '{arg}' follows no flag; write --name {arg}."
        )
      values.append(arg)
      continue
    name, equals, value = arg[2:].partition('=')
    if not name:
      raise UsageError(f"The argument '{arg}' names no flag; write --name.")
    if name in flags:
      raise UsageError(f'The flag --{name} is given twice; keep one.')
    flags[name] = [value] if equals else []
    values = None if equals else flags[name]
  for name, given in flags.items():
    if not given and name in switches:
      given.append('True')
  return flags


def asks_for_help(argv: Sequence[str]) -> bool:
  """Whether the arguments ask what the program is."""
  return '--help' in argv or '-h' in argv


def take(flags: dict[str, list[str]], name: str) -> list[str]:
  """Removes a flag that the program knows itself, and returns its values, none
  if it is not there. Raises UsageError if it stands alone."""
  values = flags.pop(name, None)
  if values == []:
    raise _alone(name)
  return values or []


def _alone(name: str) -> UsageError:
  return UsageError(f'The flag --{name} needs a value; write --{name} VALUE.')


def apply(
  config: Config,
  flags: Mapping[str, Sequence[str]],
  known: Collection[str] = (),
) -> Config:
  """Override config keys with flags, read as the type of the default.

  Args:
    config: The schema and its values.
    flags: Texts per config key or regex. Several texts make a list.
    known: The program's own flags, which the hint of an error may name.

  Raises:
    UsageError: An unknown flag, one without a value, or a value of the wrong
      type.
  """
  for name, values in flags.items():
    if not values and name in config.flat:
      raise _alone(name)
    text = values[0] if len(values) == 1 else list(values)
    try:
      config = config.update({name: text})
    except UnknownKeyError:
      hint = errors.suggest(name, [*config.flat, *known])
      raise UsageError(f'Unknown flag --{name}. {hint}') from None
    except UsageError as e:
      raise UsageError(f'Flag --{name}: {e}') from None
  return config
