"""A server on this machine that speaks as much of OpenAI's protocol as the
package asks for, and answers what a script says."""

import contextlib
import http.server
import json
import threading
import time


def answer(text, tokens=(100, 10), **message):
  """A reply with this text."""
  return {
    'id': 'x', 'object': 'chat.completion', 'created': 0, 'model': 'm',
    'choices': [{
      'index': 0, 'finish_reason': message.pop('finish_reason', 'stop'),
      'message': {'role': 'assistant', 'content': text, **message},
    }],
    'usage': {'prompt_tokens': tokens[0], 'completion_tokens': tokens[1],
              'total_tokens': sum(tokens)},
  }  # fmt: skip


@contextlib.contextmanager
def serving(script):
  """Runs the server; gives its address and the questions that it got.

  `script` is a function of the number of the question and of the question. It
  gives a reply; or a status, and headers; or seconds to wait.
  """
  questions = []

  class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
      length = int(self.headers['Content-Length'])
      question = json.loads(self.rfile.read(length))
      questions.append(question)
      reply = script(len(questions) - 1, question)
      if isinstance(reply, float):
        time.sleep(reply)
        reply = answer('{}')
      status, headers = 200, {}
      if isinstance(reply, tuple):
        status, headers = reply
        reply = {'error': {'message': 'no <b>luck</b>', 'type': 'x'}}
      data = json.dumps(reply).encode()
      with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        self.send_response(status)
        for key, value in headers.items():
          self.send_header(key, value)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
      pass

  server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
  thread = threading.Thread(target=server.serve_forever, daemon=True)
  thread.start()
  try:
    yield f'http://127.0.0.1:{server.server_port}/v1', questions
  finally:
    server.shutdown()
    server.server_close()
    thread.join()
