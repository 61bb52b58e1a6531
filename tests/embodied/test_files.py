"""Files in a folder that somebody else made."""

import os
import socket
import stat

import pytest

from embodied import files
from embodied.files import Folder, Odd
from tests.naming import naming


def odd(kind, path, target):
  """Puts something else into the place of a file."""
  if kind == 'link':
    path.symlink_to(target)
  elif kind == 'pipe':
    os.mkfifo(path)
  elif kind == 'socket':
    with socket.socket(socket.AF_UNIX) as made:
      made.bind(str(path))
  elif kind == 'device':
    try:
      os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
      pytest.skip('Only root makes devices.')
  else:
    path.mkdir()


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
  'kind', ['link', 'pipe', 'socket', 'device', 'folder']
)
@pytest.mark.parametrize('there', [True, False])
def test_only_files_are_opened(kind, there, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)  # names of sockets are short
  outside = tmp_path / 'outside'
  if there:
    outside.write_text('mine')
  elif kind != 'link':
    pytest.skip('Only a link has a target.')
  folder = Folder(tmp_path / 'run')
  odd(kind, folder.path / 'x', outside)
  odd(kind, folder.path / '.y', outside)
  for mode in ('rb', 'wb', 'ab', 'r+b', 'xb'):
    with pytest.raises(Odd, match=naming(folder.path / 'x', kind)):
      folder.open('x', mode)
  with pytest.raises(Odd, match=naming(folder.path / 'x', kind)):
    folder.replace('x', b'theirs')
  # The file that becomes another one is no way out either.
  with pytest.raises(Odd, match=naming(folder.path / '.y', kind)):
    folder.replace('y', b'theirs')
  if kind != 'folder':
    with pytest.raises(Odd, match=naming(kind)):
      folder.check_all()
    with pytest.raises(Odd, match=naming(folder.path / 'x', kind, 'folder')):
      Folder(folder.path, 'x')
  assert outside.exists() == there
  assert not there or outside.read_text() == 'mine'


def test_the_folder_itself_may_be_a_link(tmp_path):
  (tmp_path / 'real').mkdir()
  link = tmp_path / 'link'
  link.symlink_to('real')
  inside = Folder(link, 'a', 'b')
  inside.replace('x', b'1')
  assert inside.path == link / 'a' / 'b'
  assert (tmp_path / 'real' / 'a' / 'b' / 'x').read_bytes() == b'1'
  assert files.beside(link / 'a' / 'b' / 'x').read('x') == b'1'
  assert Folder(link).number == Folder(tmp_path / 'real').number
  (tmp_path / 'real' / 'c').symlink_to('a')
  with pytest.raises(Odd, match=naming('link')):
    Folder(link, 'c', 'b')


def test_a_folder_that_is_exchanged_stays_the_one_it_was(tmp_path):
  folder = Folder(tmp_path / 'run', 'replay')
  folder.path.rename(tmp_path / 'moved')
  (tmp_path / 'victim').mkdir()
  folder.path.symlink_to(tmp_path / 'victim')
  folder.replace('x', b'1')
  with folder.open('y', 'ab') as file:
    file.write(b'2')
  assert folder.names() == ['x', 'y']
  assert os.listdir(tmp_path / 'victim') == []


def test_errors_name_the_whole_path(tmp_path):
  folder = Folder(tmp_path)
  with pytest.raises(FileNotFoundError) as caught:
    folder.read('none')
  assert caught.value.filename == str(tmp_path / 'none')
  with pytest.raises(FileNotFoundError, match='none'):
    Folder(tmp_path, 'none', make=False)
  folder.replace('x', b'1')
  with pytest.raises(FileExistsError):
    folder.open('x', 'xb')
  assert folder.exists('x') and not folder.exists('none')
  with pytest.raises(Odd, match=naming('file', 'folder')):
    Folder(tmp_path, 'x')


def test_what_a_run_removes_meanwhile_is_no_error(tmp_path, monkeypatch):
  folder = Folder(tmp_path)
  folder.replace('x', b'1')
  folder.replace('y', b'1')
  look, paths = os.stat, []

  def removes_first(path, **kwargs):
    if path == 'x':
      os.unlink(tmp_path / 'x')
    paths.append(path)
    return look(path, **kwargs)

  monkeypatch.setattr(os, 'stat', removes_first)
  folder.check_all()
  assert {'x', 'y'} <= {*paths}


def test_a_path_leads_to_a_folder_until_it_is_exchanged(tmp_path):
  folder = Folder(tmp_path / 'a')
  (tmp_path / 'link').symlink_to('a')
  assert folder.at(tmp_path / 'a') and folder.at(tmp_path / 'link')
  (tmp_path / 'a').rename(tmp_path / 'b')
  assert not folder.at(tmp_path / 'a') and folder.at(tmp_path / 'b')
  (tmp_path / 'a').mkdir()
  assert not folder.at(tmp_path / 'a')


def test_a_file_is_replaced_in_whole_or_not_at_all(tmp_path, monkeypatch):
  folder = Folder(tmp_path)
  folder.replace('x', b'before')

  def full(*args, **kwargs):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(os, 'replace', full)
  with pytest.raises(OSError, match='space'):
    folder.replace('x', b'after')
  assert folder.read('x') == b'before'


def test_handles_are_closed(tmp_path):
  before = len(os.listdir('/dev/fd'))
  for _ in range(50):
    Folder(tmp_path, 'a', 'b')
    with pytest.raises(Odd):
      (tmp_path / 'x').mkdir(exist_ok=True)
      Folder(tmp_path).read('x')
  assert len(os.listdir('/dev/fd')) == before
