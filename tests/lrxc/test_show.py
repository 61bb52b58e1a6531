"""The picture of an episode, and the tables of a data set."""

import numpy as np
import pytest
from PIL import Image

from ponderdream.lrxc import cli, data, show, stats, store
from tests.lrxc.plans import plan
from tests.lrxc.test_store import make_recording, words
from tests.naming import says


def run(*argv):
  return cli.main([str(x) for x in argv], demonstrate=lambda options: 3)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  path = tmp_path_factory.mktemp('data')
  store.write(path, [make_recording(0), words(0)])
  return path


def rows_of(image, color):
  """First and last row and column with pixels of a colour."""
  want = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)])
  y, x = np.nonzero((np.asarray(image) == want).all(-1))
  return y.min(), y.max(), x.min(), x.max()


def test_bars_lie_where_their_spans_are():
  episode, nodes = plan()
  image = show.draw(episode, nodes, [], (0, 12))
  # 'collect wood', the one that was achieved, from 0 to 4 of 12 at level 1;
  # the legend repeats its colour below.
  image = image.crop((0, 0, image.width, show.MARGIN + 4 * show.ROW))
  top, bottom, left, right = rows_of(image, show.COLORS['achieved'])
  assert (top, bottom) == (
    show.MARGIN + 2 * show.ROW, show.MARGIN + 3 * show.ROW - 4
  )  # fmt: skip
  span = show.WIDTH - 2 * show.MARGIN
  assert abs(left - show.MARGIN) <= 1
  assert abs(right - (show.MARGIN + span * 4 / 12)) <= 4
  # 'do', abandoned, from 2 to 4 at level 2.
  top, _, left, right = rows_of(image, show.COLORS['abandoned'])
  assert top == show.MARGIN + 3 * show.ROW
  assert abs(left - (show.MARGIN + span * 2 / 12)) <= 1
  # Only what is in the part is drawn, over the whole width.
  part = show.draw(episode, nodes, [], (2, 4))
  _, _, left, right = rows_of(part, show.COLORS['abandoned'])
  assert right - left > span - 8


def test_pictures_are_those_of_their_time(folder):
  found = show.pictures(data.Data(folder), 0, 0, 12)
  steps = make_recording(0).steps
  assert len(found) == 11
  for time, frame in found:
    assert frame.size == (show.FRAME, show.FRAME)
    small = frame.resize((4, 4), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(small, steps['image'][int(time)])
  assert show.pictures(data.Data(folder), 0, 3, 5)[1][0] == 4.5
  assert show.pictures(data.Data(folder), 1, 0, 9) == []


def test_the_command_writes_it(folder, tmp_path, capsys, monkeypatch):
  monkeypatch.chdir(tmp_path)
  assert run('show', folder, 'crafter-0', '--last', 6) == 0
  with Image.open('crafter-0.png') as image:
    assert image.width == show.WIDTH
  assert says(capsys.readouterr().out, 'crafter-0.png')
  assert run('show', folder, 'video-0', '--out', 'v.png') == 0
  assert (tmp_path / 'v.png').exists()
  for argv, said in (
    (['show', folder, 'x'], ["'x'", "'crafter-0'"]),
    (['show', folder, 'crafter-0', '--first', 12], ["'crafter-0'", 12]),
    (['show', folder], ['DATA', 'EPISODE']),
  ):
    assert run(*argv) == 2
    assert says(capsys.readouterr().err, *said)


def test_axis_has_about_ten_round_numbers():
  assert show.ticks(0, 12) == [float(x) for x in range(13)]
  assert show.ticks(50, 90) == [50.0, 55, 60, 65, 70, 75, 80, 85, 90]
  for first, last in ((0, 0.7), (3, 10_000), (59.5, 61), (0, 1)):
    found = show.ticks(first, last)
    assert 4 <= len(found) <= 13
    assert found[0] >= first - 1e-9 and found[-1] <= last + 1e-9


def test_counts_by_hand(folder, capsys):
  found = stats.gather(data.Data(folder))
  assert found['episodes']['steps'] == 12
  assert found['episodes']['kinds'] == 'expert 1, youtube 1'
  # Six nodes and one; depth 3 and 1; children of 0: 2, of 1: 2, of 4: 1.
  assert found['trees']['nodes of an episode'] == '3.5 (1 to 6)'
  assert found['trees']['depth of an episode'] == '2.0 (1 to 3)'
  mean = f'{5 / 3:.1f} (1 to 2)'
  assert found['trees']['children of a node that has some'] == mean
  assert found['trees']['with a reason'] == '14%'
  assert found['levels'][1]['end as'] == 'achieved 1, ongoing 1'
  # From 0 to 4 and from 5 to 8.
  assert found['levels'][1]['last'] == '3.5 (3 to 4)'
  assert run('stats', folder) == 0
  out = capsys.readouterr().out
  assert 'gewinnen' in out and 'youtube' in out
