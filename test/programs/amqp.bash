#!/bin/bash
# py-amqp, by which Celery and kombu speak to RabbitMQ: after connect() it turns
# keepalive on and sets 60/10/9 and a user timeout of 1000 ms, in any order. The
# server is a stub that can open and close a connection, and nothing else.
# shellcheck source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >server.py <<'END'
import socketserver, struct

def method(*of, arguments=b""):
    payload = struct.pack(">HH", *of) + arguments
    return struct.pack(">BHL", 1, 0, len(payload)) + payload + b"\xce"

start = method(10, 10, arguments=struct.pack(">BBLL5sL5s", 0, 9, 0,
    5, b"PLAIN", 5, b"en_US"))
answers = {
    (10, 11): method(10, 30, arguments=struct.pack(">HLH", 0, 131072, 0)),
    (10, 40): method(10, 41, arguments=b"\0"),
    (10, 50): method(10, 51),
}

class Stub(socketserver.StreamRequestHandler):
    def handle(self):
        self.rfile.read(len(b"AMQP\0\0\x09\x01"))
        self.wfile.write(start)
        while head := self.rfile.read(7):
            frame = self.rfile.read(struct.unpack(">L", head[3:])[0] + 1)
            self.wfile.write(answers.get(struct.unpack(">HH", frame[:4]), b""))

socketserver.TCPServer(("127.0.0.1", 5672), Stub).serve_forever()
END
cat >client.py <<'END'
import amqp, sys

with amqp.Connection("127.0.0.1:5672") as peer:
    print("it works" if peer.connected else "it fails", flush=True)
    sys.stdin.read()
END
serve 5672 "${under[@]}" /usr/bin/python3 server.py
client "${under[@]}" /usr/bin/python3 client.py
heard 'it works'
see 'py-amqp (Celery, kombu)' client python3-amqp 5672 'on 60/10/9/1000'
finish
