#!/bin/bash
# systemd-socket-activate in front of a program: that is the only one that runs
# under the library, and gets a listener that somebody else made; or, with
# --accept, the one that accepts is under it, and the program has no say.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >server.py <<'END'
import asyncio, socket

async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
    writer.close()

async def main():
    server = await asyncio.start_server(echo, sock=socket.socket(fileno=3))
    await server.serve_forever()

asyncio.run(main())
END
serve 8000 systemd-socket-activate --listen=127.0.0.1:8000 \
	"${under[@]}" /usr/bin/python3 server.py
client socat - TCP:127.0.0.1:8000
say 'it works'
heard 'it works'
see 'systemd-socket-activate (a Python `asyncio` server)' server systemd 8000
finish

serve 8001 "${under[@]}" systemd-socket-activate --listen=127.0.0.1:8001 \
	--accept --inetd cat
client socat - TCP:127.0.0.1:8001
say 'it works'
heard 'it works'
see 'systemd-socket-activate (`--accept --inetd cat`)' server systemd 8001
finish
