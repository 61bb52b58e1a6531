"""A folder as yt-dlp leaves it becomes a record for each video."""

import json

import pytest

from embodied.errors import UsageError
from ponderdream.lrxc import ingest, stages

VTT = 'WEBVTT\n\n00:01.000 --> 00:02.000\nlet us get some wood\n'
GERMAN = 'WEBVTT\n\n00:01.000 --> 00:02.000\nwir brauchen Holz\n'


def video(folder, stem, text=VTT, language='en', form='vtt', **info):
  dot = f'.{language}' if language else ''
  (folder / f'{stem}{dot}.{form}').write_text(text)
  if info:
    (folder / f'{stem}.info.json').write_text(json.dumps(info))


def records(folder, language='en'):
  """Records and sentences, by key."""
  found = {}
  for name, job in ingest.jobs(folder, language).items():
    try:
      found[name] = job.make()
    except UsageError as error:
      found[name] = str(error)
  return found


def test_what_is_known_of_a_video(tmp_path):
  video(
    tmp_path, 'A title [abcdefghijk]', id='abcdefghijk', title='A\ttitle\x00',
    channel='Somebody', webpage_url='https://example.com', license='CC BY',
    duration=90, fps=30, epoch=1700000000, subtitles={'en': []},
    chapters=[{'start_time': 0, 'end_time': 9, 'title': 'Wood'},
              {'start_time': 9, 'title': 'no end'}, 'rubbish'],
  )  # fmt: skip
  (tmp_path / 'A title [abcdefghijk].mp4').touch()
  (record,) = records(tmp_path).values()
  assert record['video'] == {
    'video_id': 'abcdefghijk', 'title': 'A title', 'channel': 'Somebody',
    'url': 'https://example.com', 'licence': 'CC BY',
    'retrieved_at': '2023-11-14T22:13:20+00:00', 'duration': 90.0,
    'fps': 30.0, 'language': 'en', 'caption_kind': 'manual',
    'chapters': [{'t0': 0.0, 't1': 9.0, 'title': 'Wood'}],
    'file': str(tmp_path / 'A title [abcdefghijk].mp4'),
  }  # fmt: skip
  assert [x.text for x in ingest.unpack(record)] == VTT.split()[-5:]


def test_a_video_without_a_description(tmp_path):
  video(tmp_path, 'A title [abcdefghijk]')
  ((name, record),) = records(tmp_path).items()
  assert name == record['video']['video_id'] == 'abcdefghijk'
  assert record['video']['title'] == 'A title [abcdefghijk]'
  # The end of the last word: a fifth of a second, 5 of its 21 letters.
  assert record['video']['duration'] == pytest.approx(2.0)


def test_captions_by_hand_come_first(tmp_path):
  video(tmp_path, 'v', VTT, 'en', automatic_captions={'en': []},
        subtitles={'en-GB': []})  # fmt: skip
  video(tmp_path, 'v', VTT.replace('wood', 'timber'), 'en-GB')
  video(tmp_path, 'v', GERMAN, 'de')
  (record,) = records(tmp_path).values()
  assert record['words'][0][-1] == 'timber'
  assert record['video']['caption_kind'] == 'manual'
  (record,) = records(tmp_path, 'de').values()
  assert record['words'][0][-1] == 'Holz'


def test_videos_that_cannot_be_read_have_a_sentence(tmp_path):
  video(tmp_path, 'german', GERMAN, 'de')
  video(tmp_path, 'empty', 'WEBVTT\n')
  video(tmp_path, 'broken', VTT)
  (tmp_path / 'broken.info.json').write_text('{"id": ')
  (tmp_path / 'alone.info.json').write_text('{"id": "alone"}')
  (tmp_path / 'bytes.en.vtt').write_bytes(b'WEBVTT\n\xff\xfe\xfd')
  found = records(tmp_path)
  assert found['german'] == (
    "There are no captions in the language 'en'; there are some in de."
  )
  assert found['empty'] == 'empty.en.vtt has no words in it.'
  assert found['broken'] == 'broken.info.json is not JSON.'
  assert found['alone'] == "There are no captions in the language 'en'."
  assert found['bytes'].startswith('bytes.en.vtt is not text in UTF-8')
  assert len(found) == 5


def test_names_of_files_do_not_come_from_hostile_ids(tmp_path):
  ids = ['../../etc/passwd', '/root/x', 'a\x00b', '..', '', 'x' * 300, 'é',
         'CON\n', '.lock', {'a': 1}, None, 7]  # fmt: skip
  for i, each in enumerate(ids):
    video(tmp_path, f'v{i}', id=each, title='<b>', duration='long',
          chapters={'a': 1}, subtitles=None)  # fmt: skip
  found = records(tmp_path)
  assert len(found) == len(ids)
  assert all(stages.KEY.fullmatch(x) for x in found)
  assert not any(isinstance(x, str) for x in found.values())


def test_two_files_of_one_id_are_two_records(tmp_path):
  video(tmp_path, 'first', id='same')
  video(tmp_path, 'second', id='same')
  first, second = records(tmp_path)
  assert first == 'same' and second.startswith('same-')


def test_a_change_of_the_source_is_seen(tmp_path):
  video(tmp_path, 'v')
  before = ingest.jobs(tmp_path, 'en')['v'].made_from
  assert ingest.jobs(tmp_path, 'en')['v'].made_from == before
  video(tmp_path, 'v', VTT.replace('wood', 'coal'))
  assert ingest.jobs(tmp_path, 'en')['v'].made_from != before


def test_a_video_that_comes_after_its_captions_is_seen(tmp_path):
  video(tmp_path, 'v')
  before = ingest.jobs(tmp_path, 'en')['v']
  assert before.make()['video']['file'] is None
  (caption,) = tmp_path.glob('*.vtt')
  name = caption.name.partition('.')[0]
  (tmp_path / f'{name}.mp4').write_bytes(b'')
  after = ingest.jobs(tmp_path, 'en')['v']
  assert after.made_from != before.made_from
  assert after.make()['video']['file'].endswith('.mp4')


def test_folders_without_captions_are_refused(tmp_path):
  with pytest.raises(UsageError, match='There is no folder'):
    ingest.find(tmp_path / 'nowhere')
  with pytest.raises(UsageError, match=r'no captions \(.vtt, .srt\)'):
    ingest.find(tmp_path)
