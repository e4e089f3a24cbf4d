"""The world outside the services, in a container of its own: a feed, and the group's webhook.

GET /feed.xml answers what was last PUT there; POST /hook is kept, GET /received lists it.
"""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 8080
documents: dict[str, bytes] = {}
received: list[str] = []


class Outside(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/received":
            self.answer(200, json.dumps(received).encode())
        elif self.path in documents:
            self.answer(200, documents[self.path], "application/rss+xml")
        else:
            self.answer(404, b"")

    def do_PUT(self) -> None:
        documents[self.path] = self.body()
        self.answer(200, b"")

    def do_POST(self) -> None:
        received.append(self.body().decode())
        self.answer(200, b'{"errcode": 0}', "application/json")

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", PORT), Outside).serve_forever()
