"""Captions and what is known of their videos, from a folder of yt-dlp.

yt-dlp leaves `TITLE [ID].info.json`, `TITLE [ID].en.vtt` or `.srt`, and the
video itself if one asks for it. Nothing here downloads. Everything in these
files is data that somebody else wrote: names of files come from hashes where
an id is no safe name, and texts are cut and cleaned.
"""

import datetime
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from embodied.errors import UsageError
from ponderdream.lrxc import captions, stages
from ponderdream.lrxc.captions import Word

VERSION = '1'
CAPTION = re.compile(
  r'(?P<stem>.+?)(?:\.(?P<language>[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*))?'
  r'\.(?P<form>vtt|srt)'
)
BRACKETS = re.compile(r'\[([A-Za-z0-9_-]{6,64})\]$')
CONTROL = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029]+')
VIDEOS = ('.mp4', '.webm', '.mkv', '.mov')
LONGEST = 200  # characters of a text


class Files(NamedTuple):
  """What belongs to one video: its captions by language, and the rest."""

  stem: str
  captions: dict[str, Path]
  info: Path | None
  video: Path | None


def find(folder: Path) -> list[Files]:
  """The videos in a folder, by the names of their files.

  Raises:
    UsageError: There are no captions and no descriptions of videos.
  """
  if not folder.is_dir():
    raise UsageError(f'There is no folder {folder}.')
  paths = sorted(x for x in folder.iterdir() if x.is_file())
  infos = {
    x.name.removesuffix('.info.json'): x
    for x in paths
    if x.name.endswith('.info.json')
  }
  found: dict[str, dict[str, Path]] = {x: {} for x in infos}
  for path in paths:
    match = CAPTION.fullmatch(path.name)
    if match:
      stem, language = match['stem'], match['language'] or ''
      found.setdefault(stem, {})[language] = path
  if not found:
    raise UsageError(
      f'There are no captions (.vtt, .srt) in {folder}; README says how to get'
      ' them by yt-dlp.'
    )
  videos = {x.stem: x for x in paths if x.suffix in VIDEOS}
  return [
    Files(stem, each, infos.get(stem), videos.get(stem))
    for stem, each in found.items()
  ]


def jobs(folder: Path, language: str) -> dict[str, stages.Job]:
  """A job for each video, by the key of its id."""
  found: dict[str, stages.Job] = {}
  for files in find(folder):
    read = [x.read_bytes() for x in files.captions.values()]
    info = files.info.read_bytes() if files.info else b''
    names = ' '.join(map(str, [*files.captions.values(), files.video]))
    made_from = stages.digest(VERSION, language, names, info, *read)
    name = stages.key(_id(files, info))
    if name in found:  # two files of one id, such as two copies
      name = f'{name[:40]}-{stages.digest(files.stem)[:8]}'
    make = lambda f=files: record(f, language)
    found[name] = stages.Job(made_from, make)
  return found


def record(files: Files, language: str) -> stages.Record:
  """The words of a video, with times, and what is known of it.

  Raises:
    UsageError: There are no captions in the language, or no words in them.
  """
  info = _info(files)
  chosen = _choose(files, info, language)
  cues = captions.read(files.captions[chosen])
  words = captions.words_of(cues)
  if not words:
    raise UsageError(f'{files.captions[chosen].name} has no words in it.')
  return {
    'video': {
      'video_id': _text(info, 'id') or _bracketed(files.stem),
      'title': _text(info, 'title') or files.stem[:LONGEST],
      'channel': _text(info, 'channel') or _text(info, 'uploader'),
      'url': _text(info, 'webpage_url'),
      'licence': _text(info, 'license'),
      'retrieved_at': _date(info.get('epoch')),
      'duration': _number(info, 'duration') or words[-1].t1,
      'fps': _number(info, 'fps'),
      'language': chosen or None,
      'caption_kind': _kind(info, chosen, cues),
      'chapters': _chapters(info),
      'file': str(files.video.resolve()) if files.video else None,
    },
    'words': pack(words),
  }


def pack(words: list[Word]) -> list[list[Any]]:
  """Words as three lists: texts, starts and ends (seconds, 3 digits)."""
  texts, t0, t1 = zip(*words, strict=True) if words else ((), (), ())
  return [list(texts), [round(x, 3) for x in t0], [round(x, 3) for x in t1]]


def unpack(record: Mapping[str, Any]) -> list[Word]:
  """The words of a record."""
  return [Word(*x) for x in zip(*record['words'], strict=True)]


def _choose(files: Files, info: Mapping[str, Any], language: str) -> str:
  """The captions to read: those made by hand, then `en` before `en-GB`."""
  same = [x for x in files.captions if x.split('-')[0] == language or x == '']
  if not same:
    others = ', '.join(sorted(files.captions))
    raise UsageError(
      f"There are no captions in the language '{language}'"
      + (f'; there are some in {others}.' if others else '.')
    )
  manual = info.get('subtitles') or {}
  return min(same, key=lambda x: (x not in manual, x != language, x))


def _kind(
  info: Mapping[str, Any], language: str, cues: list[captions.Cue]
) -> str:
  """'manual' or 'automatic', by the description, else by how lines move."""
  if language in (info.get('subtitles') or {}):
    return 'manual'
  known = language in (info.get('automatic_captions') or {})
  return 'automatic' if known or captions.is_rolling(cues) else 'manual'


def _info(files: Files) -> dict[str, Any]:
  if files.info is None:
    return {}
  try:
    info = json.loads(files.info.read_bytes())
  except ValueError:
    raise UsageError(f'{files.info.name} is not JSON.') from None
  return info if isinstance(info, dict) else {}


def _id(files: Files, info: bytes) -> str:
  """The id of the video; what follows only needs it to be unique."""
  try:
    found = json.loads(info)['id']
  except (ValueError, KeyError, TypeError):
    found = None
  return str(found) if found else _bracketed(files.stem)


def _bracketed(stem: str) -> str:
  match = BRACKETS.search(stem)
  return match[1] if match else stem


def _text(info: Mapping[str, Any], name: str) -> str | None:
  value = info.get(name)
  if not isinstance(value, str):
    return None
  value = value.encode(errors='replace').decode()  # without half characters
  return ' '.join(CONTROL.sub(' ', value).split())[:LONGEST] or None


def _number(info: Mapping[str, Any], name: str) -> float | None:
  value = info.get(name)
  if isinstance(value, bool) or not isinstance(value, int | float):
    return None
  return float(value) if math.isfinite(value) and value > 0 else None


def _date(epoch: Any) -> str | None:
  if isinstance(epoch, bool) or not isinstance(epoch, int | float):
    return None
  try:
    when = datetime.datetime.fromtimestamp(epoch, datetime.UTC)
  except (OverflowError, ValueError, OSError):
    return None
  return when.isoformat(timespec='seconds')


def _chapters(info: Mapping[str, Any]) -> list[dict[str, Any]]:
  """Chapters `{t0, t1, title}` in seconds, those that have all of it."""
  found = info.get('chapters')
  rows = (
    [x for x in found if isinstance(x, dict)]
    if (isinstance(found, list))
    else []
  )
  chapters = [
    {
      't0': _number(x, 'start_time') or 0.0,
      't1': _number(x, 'end_time'),
      'title': _text(x, 'title'),
    }
    for x in rows
  ]
  return [x for x in chapters if x['t1'] and x['title']]
