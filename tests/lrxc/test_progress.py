"""How far a command is, where there is no terminal."""

from ponderdream.lrxc import progress
from tests.naming import says


def test_says_lines_now_and_then_and_at_the_end(capsys, monkeypatch):
  monkeypatch.setattr(progress, 'QUIET', 1e-9)
  with progress.progress('episodes', 3000, 1000) as show:
    show(1001)
    assert says(capsys.readouterr().out, '1,001 of 3,000 episodes')
    show(1002)
  assert capsys.readouterr().out.count('1,002 of 3,000 episodes') == 2


def test_keeps_quiet_in_between(capsys):
  with progress.progress('videos', 2) as show:
    show(1)
    capsys.readouterr()
    show(2)
    assert not capsys.readouterr().out
  assert says(capsys.readouterr().out, '2 of 2 videos')
