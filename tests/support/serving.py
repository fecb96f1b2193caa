"""Servers on loopback, in place of containers and of services."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(answer):
    """Serve requests, and yield the port.

    `answer` is a function from the path, the headers and the body of a request to the status and
    the body of its answer.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            given = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answer(self.path, self.headers, given)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_GET  # noqa: N815 The names that http.server looks for.

        def log_message(self, *_):
            """Keep stderr for the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()
