"""Serves a page that follows its runs, to this machine alone."""

import gzip
import hashlib
import hmac
import http.server
import json
import secrets
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from embodied.errors import UsageError
from ponderdream.page import data, html
from ponderdream.page.run import Run

HOST, EVERY = '127.0.0.1', 5.0
# Names by which a browser on this machine may ask. Another name that leads
# here belongs to a page of somebody else (DNS rebinding).
NAMES = ('127.0.0.1', 'localhost')
HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Resource-Policy': 'same-origin',
}


class Followed:
  """Runs that grow, and their data as it was last asked for."""

  def __init__(self, runs: Sequence[Run]) -> None:
    self._runs = runs
    self._lock = threading.Lock()
    self._text = b''
    self.tag = ''

  def data(self) -> tuple[bytes, str]:
    """JSON, and a tag that changes with it. Reads only what was appended."""
    with self._lock:
      changed = [x.read() for x in self._runs]
      if any(changed) or not self._text:
        found = data.page(self._runs)
        # Not the time at which it was made, which always changes.
        kept = {k: v for k, v in found.items() if k != 'made'}
        same = json.dumps(kept, sort_keys=True).encode()
        self._text = json.dumps(found, allow_nan=False).encode()
        self.tag = f'"{hashlib.sha256(same).hexdigest()[:32]}"'
      return self._text, self.tag

  def page(self, live: dict[str, Any]) -> bytes:
    """The HTML, whose data are those of now."""
    text, tag = self.data()
    return html.render(json.loads(text), {**live, 'tag': tag}).encode()


class Server(http.server.ThreadingHTTPServer):
  """Serves `/<token>/` and `/<token>/data.json` on loopback, nothing else."""

  daemon_threads = True

  def __init__(self, runs: Sequence[Run], port: int) -> None:
    super().__init__((HOST, port), Handler)
    self.followed = Followed(runs)
    self.token = secrets.token_urlsafe(24)

  @property
  def address(self) -> str:
    return f'http://{HOST}:{self.server_port}/{self.token}/'


class Handler(http.server.BaseHTTPRequestHandler):
  """Answers GET and HEAD requests."""

  server: Server
  server_version, sys_version = 'PonderDream', ''
  timeout = 30
  # Of methods and requests that `http.server` itself refuses.
  error_message_format = 'This is not answered here.\n'
  error_content_type = 'text/plain; charset=utf-8'

  def do_GET(self) -> None:
    self.answer()

  def do_HEAD(self) -> None:
    self.answer()

  def answer(self) -> None:
    """The page or its data, or an error without words of the request."""
    name, _, port = self.headers.get('Host', '').rpartition(':')
    if name not in NAMES or port != str(self.server.server_port):
      return self.refuse(421, 'Ask by the address that the command printed.')
    _, token, *rest = f'{urlsplit(self.path).path}/'.split('/')
    if not hmac.compare_digest(token.encode(), self.server.token.encode()):
      return self.refuse(404, 'There is nothing here.')
    followed = self.server.followed
    match rest:
      case ['', ''] | ['']:
        live = {'every': EVERY, 'address': f'/{self.server.token}/data.json'}
        return self.send(followed.page(live), 'text/html')
      case ['data.json', '']:
        text, tag = followed.data()
        if self.headers.get('If-None-Match') == tag:
          return self.send(b'', 'application/json', 304, tag)
        return self.send(text, 'application/json', 200, tag)
    return self.refuse(404, 'There is nothing here.')

  def refuse(self, code: int, text: str) -> None:
    self.send(f'{text}\n'.encode(), 'text/plain', code)

  def send(
    self, body: bytes, kind: str, code: int = 200, tag: str = ''
  ) -> None:
    packed = 'gzip' in self.headers.get('Accept-Encoding', '') and body
    body = gzip.compress(body, 1) if packed else body
    self.send_response(code)
    for key, value in HEADERS.items():
      self.send_header(key, value)
    self.send_header('Content-Type', f'{kind}; charset=utf-8')
    if code != 304:
      self.send_header('Content-Length', str(len(body)))
    if packed:
      self.send_header('Content-Encoding', 'gzip')
    if tag:
      self.send_header('ETag', tag)
    self.end_headers()
    if self.command != 'HEAD' and code != 304:
      self.wfile.write(body)

  def log_message(self, format: str, *args: Any) -> None:
    """Says nothing: the address holds the token."""


def serve(runs: Sequence[Run], port: int) -> int:
  """Serves until Ctrl-C; returns the exit code.

  Raises:
    UsageError: the port is in use, or not allowed.
  """
  try:
    server = Server(runs, port)
  except OSError as error:
    raise UsageError(
      f'Port {port} cannot be used ({error.strerror}); give another one, or 0.'
    ) from None
  with server:
    print(f'Open {server.address} (until Ctrl-C)', flush=True)
    try:
      server.serve_forever()
    except KeyboardInterrupt:
      print('Stopped.')
  return 0
