"""Command-line flags: `--run.steps 1e6`, `--run.steps=1e6`, `--configs a b`.

`split_flags` separates names and values. A program then takes its own flags
(such as `configs`) by `take`, and the others override a Config by `apply`.
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
    switches: Flags that need no value; without one they get 'True'.

  Returns:
    Lists of texts, empty for a flag without a value.

  Raises:
    UsageError: A value without a flag, or the same flag twice.
  """
  flags: dict[str, list[str]] = {}
  values: list[str] | None = None
  for arg in argv:
    if not arg.startswith('--'):
      if values is None:
        raise UsageError(
          f'The argument {errors.quoted(arg)} belongs to no flag; write it'
          ' after the --name of one.'
        )
      values.append(arg)
      continue
    name, equals, value = arg[2:].partition('=')
    if not name:
      raise UsageError(
        f'The argument {errors.quoted(arg)} is a flag without a name; write'
        ' --name.'
      )
    if name in flags:
      said = errors.quoted(f'--{name}')
      raise UsageError(f'The flag {said} is given twice; remove one.')
    flags[name] = [value] if equals else []
    values = None if equals else flags[name]
  for name, given in flags.items():
    if not given and name in switches:
      given.append('True')
  return flags


def asks_for_help(argv: Sequence[str]) -> bool:
  """Whether the arguments ask for help."""
  return '--help' in argv or '-h' in argv


def take(flags: dict[str, list[str]], name: str) -> list[str]:
  """Removes one of the program's own flags; returns its values.

  Returns an empty list if the flag is not there. Raises UsageError if it has
  no value.
  """
  values = flags.pop(name, None)
  if values == []:
    raise _no_value(name)
  return values or []


def _no_value(name: str) -> UsageError:
  return UsageError(f'The flag --{name} needs a value; write --{name} VALUE.')


def apply(
  config: Config,
  flags: Mapping[str, Sequence[str]],
  known: Collection[str] = (),
) -> Config:
  """Override config keys with flags, converted to the type of the default.

  Args:
    config: The schema and its values.
    flags: Texts by config key or regular expression; several texts are a list.
    known: The program's own flags, for the hint of an error message.

  Raises:
    UsageError: An unknown flag, one without a value, or a value of the wrong
      type.
  """
  for name, values in flags.items():
    if not values and name in config.flat:
      raise _no_value(name)
    text = values[0] if len(values) == 1 else list(values)
    try:
      config = config.update({name: text})
    except UnknownKeyError:
      hint = errors.suggest(name, [*config.flat, *known])
      raise UsageError(
        f'Unknown flag {errors.quoted("--" + name)}. {hint}'
      ) from None
    except UsageError as e:
      raise UsageError(f'Flag --{name}: {e}') from None
  return config
