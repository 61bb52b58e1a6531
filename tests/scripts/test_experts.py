"""The measurement of the experts, and the video of one."""

import json

import numpy as np
import pytest
from PIL import Image

from scripts.experiments import expert_video, experts


def test_summaries_by_hand():
  base = {'steps': 100, 'seconds': 0.5}
  episodes = [
    {'unlocked': ['collect_wood'], 'dead': True, **base},
    {'unlocked': ['collect_wood', 'eat_cow'], 'dead': False, **base},
  ]
  got = experts.summary(episodes)
  assert got['achievements'] == 1.5
  # The deviation is sqrt(1/2), and t is 12.706: t sqrt(1/2) / sqrt(2).
  assert got['interval'] == pytest.approx(6.353)
  assert got['success']['collect_wood'] == 100
  assert got['success']['eat_cow'] == 50
  assert got['deaths'] == 1 and got['steps'] == 100
  assert got['steps_per_second'] == 200
  # exp((ln 101 + ln 51) / 22) - 1
  assert got['score'] == pytest.approx(0.4748, abs=1e-3)


def test_the_command_writes_a_file(tmp_path, capsys):
  out = str(tmp_path / 'out')
  experts.main(f'--episodes 1 --length 40 --variants fog --out {out}'.split())
  found = json.loads((tmp_path / 'out.json').read_text())
  assert found['fog']['steps'] == 40
  assert len(found['fog']['success']) == 22
  assert 'fog: ' in capsys.readouterr().out


def test_frames_show_the_stack(tmp_path):
  out = str(tmp_path / 'video')
  expert_video.main(f'--seed 1 --steps 13 --out {out}'.split())
  assert (tmp_path / 'video.mp4').stat().st_size > 1000
  picture = np.asarray(Image.open(tmp_path / 'video.png'))
  side, width = expert_video.SIDE, expert_video.SIDE + expert_video.TEXT
  assert picture.shape == (4 * side, 3 * width, 3)
  # Something is written beside the first picture.
  assert (picture[:side, side:width] < 128).any()
