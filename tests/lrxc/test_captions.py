"""Captions become words, each once, at the time when it is said."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embodied.errors import UsageError
from ponderdream.lrxc import captions
from scripts import spoken

ROLLING = """WEBVTT
Kind: captions
Language: en

00:00:00.400 --> 00:00:02.390 align:start position:0%
 
so<00:00:00.800><c> we</c><00:00:01.200><c> need</c><00:00:01.600><c> wood</c>

00:00:02.390 --> 00:00:02.400 align:start position:0%
so we need wood
 

00:00:02.400 --> 00:00:04.500 align:start position:0%
so we need wood
and<00:00:02.800><c> then</c><00:00:03.200><c> a</c><00:00:03.600><c> table</c>

00:00:04.500 --> 00:00:04.510 align:start position:0%
and then a table
 

00:00:04.510 --> 00:00:06.000 align:start position:0%
and then a table
[Music]
"""  # noqa: W293  (automatic captions have lines of one blank)


def said(text):
  return captions.words_of(captions.parse(text))


def test_rolling_lines_are_said_once():
  words = said(ROLLING)
  assert [x.text for x in words] == 'so we need wood and then a table'.split()
  # The times of the tags; the last word of a line lasts at most .4 seconds.
  assert [x.t0 for x in words] == [0.4, 0.8, 1.2, 1.6, 2.4, 2.8, 3.2, 3.6]
  assert words[3].t1 == pytest.approx(2.0)


def test_a_repetition_that_is_spoken_stays():
  # By hand, no rolling: somebody says the same twice.
  text = (
    '1\n00:00:01,000 --> 00:00:02,000\nno\n\n'
    '2\n00:00:02,000 --> 00:00:03,000\nno way\n\n'
    '3\n00:00:05,000 --> 00:00:06,000\nno way\n\n'
    '4\n00:00:07,000 --> 00:00:08,000\nokay\n'
  )
  assert ' '.join(x.text for x in said(text)) == 'no no way no way okay'
  # Rolling: 'go go' is one line, and said once more in a new one.
  text = (
    'WEBVTT\n\n00:01.000 --> 00:02.000\n \ngo go\n\n'
    '00:02.000 --> 00:02.010\ngo go\n \n\n'
    '00:02.010 --> 00:03.000\ngo go\ngo go\n\n'
    '00:03.000 --> 00:03.010\ngo go\n \n'
  )
  assert ' '.join(x.text for x in said(text)) == 'go go go go'


def test_words_share_a_cue_by_their_letters():
  # 'a' has 1 + 1 parts of 2 + 5 + 3 = 10, 'bbbb' 5, 'cc' 3, of 5 seconds.
  words = said('WEBVTT\n\n00:10.000 --> 00:15.000\na bbbb cc\n')
  assert [x.t0 for x in words] == pytest.approx([10, 11, 13.5])


@pytest.mark.parametrize('change', [
  lambda x: x.encode(),
  lambda x: b'\xef\xbb\xbf' + x.encode(),
  lambda x: x.encode('utf-16'),
  lambda x: x.replace('\n', '\r\n').encode(),
  lambda x: x.replace('\n', '\r').encode(),
], ids=['plain', 'bom', 'utf-16', 'crlf', 'cr'])  # fmt: skip
def test_encodings_and_ends_of_lines(change, tmp_path):
  path = tmp_path / 'a.vtt'
  path.write_bytes(change(ROLLING))
  assert captions.words_of(captions.read(path)) == said(ROLLING)


def test_other_encodings_are_refused_in_a_sentence(tmp_path):
  path = tmp_path / 'a.vtt'
  path.write_bytes(
    'WEBVTT\n\n00:01.0 --> 00:02.0\nd\xe9j\xe0\n'.encode('cp1252')
  )
  with pytest.raises(UsageError, match=r'^a.vtt is not text in UTF-8;'):
    captions.read(path)


def test_overlapping_cues_stay_whole_and_in_order():
  text = (
    'WEBVTT\n\n00:05.000 --> 00:09.000\nsecond one\n\n'
    '00:01.000 --> 00:07.000\nfirst one here\n\n'
    '00:09.000 --> 00:02.000\nends before it begins\n'
  )
  words = said(text)
  assert ' '.join(x.text for x in words) == 'first one here second one'
  starts = [x.t0 for x in words]
  assert starts == sorted(starts)


@pytest.mark.parametrize('line, text', [
  ('<v Ann>hi</v> <i>there</i>', 'hi there'),
  ('&gt;&gt; hi &amp; bye', 'hi & bye'),
  ('>> hi', 'hi'),
  ('- hi', 'hi'),
  ('[Applause] hi [Music]', 'hi'),
  ('♪ la la ♪ hi', 'hi'),
  ('(laughs)', ''),
  ('(laughs) hi', '(laughs) hi'),
  ('<script>alert(1)</script> hi', 'alert(1) hi'),
  ('&lt;script&gt; hi', '<script> hi'),
  ('hi \x00\x1b[31mred\x9b', 'hi [31mred'),
  ('a < b and c > d', 'a d'),
])  # fmt: skip
def test_what_is_not_spoken_is_left_out(line, text):
  words = said(f'WEBVTT\n\n00:01.000 --> 00:02.000\n{line}\n')
  assert ' '.join(x.text for x in words) == text


def test_what_stands_between_cues_is_skipped():
  text = (
    'WEBVTT - a title\n\nNOTE 00:01.000 is no cue\nnor this\n\n'
    'STYLE\n::cue { color: red }\n\nname of a cue\n'
    '01:00:01.5 --> 01:00:02.25 line:0\nhello\n'
  )
  (word,) = said(text)
  assert word.text == 'hello' and word.t0 == 3601.5
  for nothing in ('', 'WEBVTT\n', 'no captions at all', '-->', '\n' * 99):
    assert said(nothing) == []


def test_the_hand_written_files_are_read_in_full():
  # Automatic captions show each line two or three times.
  cues = captions.read(spoken.captions('01-diamond'))
  words = captions.words_of(cues)
  assert captions.is_rolling(cues) and len(words) == 374
  assert ' '.join(x.text for x in words[:5]) == 'hey everybody welcome back to'
  assert not captions.is_rolling(captions.read(spoken.captions('02-night')))
  # With a byte order mark and CRLF.
  assert spoken.captions('09-cave').read_bytes()[:3] == b'\xef\xbb\xbf'
  first = captions.words_of(captions.read(spoken.captions('09-cave')))[0]
  assert first.text == 'Welcome' and first.t0 == 0.5


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_words_in_order(text):
  words = said(f'WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n')
  assert all(1 <= x.t0 <= x.t1 for x in words)
  assert [x.t0 for x in words] == sorted(x.t0 for x in words)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from('a b c'.split()), min_size=1,
                         max_size=4), min_size=4, max_size=12))  # fmt: skip
def test_rolling_undoes_what_youtube_does(lines):
  # Lines that differ, so that it can be told from a repetition.
  lines = [' '.join(x) + f' {i}' for i, x in enumerate(lines)]
  text, before = 'WEBVTT\n\n', ' '
  for i, line in enumerate(lines):
    text += (
      f'00:{2 * i:02}.000 --> 00:{2 * i + 1:02}.990\n{before}\n{line}\n\n'
    )
    text += f'00:{2 * i + 1:02}.990 --> 00:{2 * i + 2:02}.000\n{line}\n \n\n'
    before = line
  assert ' '.join(x.text for x in said(text)) == ' '.join(lines)


@pytest.mark.slow
def test_a_million_lines():
  cue = '{0:02}:{1:02}:{2:02}.000 --> {0:02}:{1:02}:{2:02}.900\nso wood {3}\n'
  text = 'WEBVTT\n\n' + '\n'.join(
    cue.format(i // 3600, i // 60 % 60, i % 60, i) for i in range(333_000)
  )
  assert text.count('\n') > 998_000
  start = time.monotonic()
  assert len(said(text)) == 999_000
  assert time.monotonic() - start < 120  # 11 seconds of a processor
