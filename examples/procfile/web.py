"""A page that greets: on $PORT, with $GREETING."""

from __future__ import annotations

import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Greeter(BaseHTTPRequestHandler):
    """Answers everything with the greeting."""

    def do_GET(self) -> None:
        body = f"{os.environ.get('GREETING', 'Hello')} from {os.environ['HONCHO_PROCESS_NAME']}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's name)
        print(format % args)  # noqa: T201  (its output is what there is to see)


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Greeter)
    print(f"greets at http://127.0.0.1:{server.server_port}/")  # noqa: T201
    server.serve_forever()
