"""Errors that users can cause, with messages that say what to do."""

import difflib
import pathlib
import shlex
import sys
from collections.abc import Iterable
from typing import TypeVar

E = TypeVar('E', bound=Exception)


class UsageError(ValueError):
  """A mistake of the user. Commands print the message and exit with 2."""


class ContractError(ValueError):
  """An environment gave what it must not; the message is all there is to say,
  so it is shown without a traceback."""


class Stopped(Exception):
  """The run was asked to stop while it waited for an environment."""


def mark_shared(error: E) -> E:
  """Marks an error that every host of a run knows of, so that all of them
  shut down together; any other error ends this host at once."""
  error.shared = True  # type: ignore[attr-defined]
  return error


def is_shared(error: Exception) -> bool:
  """Whether every host knows of the error."""
  return getattr(error, 'shared', False)


class EnvironmentFailed(RuntimeError):
  """An environment failed again and again, although it was restarted."""


# Characters of a value that an error shows.
SHOWN = 80


def quoted(value: object) -> str:
  """The value as an error shows it: `repr`, with the middle left out if it is
  long."""
  text = repr(value).replace('\\\\', '\\')
  if len(text) <= SHOWN:
    return text
  half = SHOWN // 2
  return f'{text[:half]}...{text[-half:]}'


def install(what: str) -> str:
  """The command that installs a package, or an extra of PonderDream such as
  `[page]` in its folder, for the Python that runs."""
  python, here = pathlib.Path(sys.executable or 'python'), pathlib.Path.cwd()
  if python.is_relative_to(here):
    python = python.relative_to(here)
  packages = ['-e', f'.{what}'] if what.startswith('[') else [what]
  return shlex.join([str(python), '-m', 'pip', 'install', *packages])


def suggest(name: str, known: Iterable[str]) -> str:
  """A sentence that proposes the known word most similar to `name`.

  If no word is similar, the sentence lists all words, at most twelve. If
  `known` is empty, so is the text.
  """
  names = sorted(set(known))
  # Last parts are compared too, so that 'steps' proposes 'run.steps'.
  tails: dict[str, str] = {}
  for full in names:
    tails.setdefault(full.rsplit('.', 1)[-1], full)
  close = difflib.get_close_matches(name, names, 1, 0.6)
  if not close:
    tail = name.rsplit('.', 1)[-1]
    close = difflib.get_close_matches(tail, list(tails), 1, 0.6)
    close = [tails[x] for x in close]
  close = close or difflib.get_close_matches(name, names, 1, 0.4)
  if close:
    return f"Did you mean '{close[0]}'?"
  if not names:
    return ''
  more = ', ...' if len(names) > 12 else ''
  return f'Known names: {", ".join(names[:12])}{more}.'
