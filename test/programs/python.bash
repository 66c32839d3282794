#!/bin/bash
# Python: asyncio, http.server and http.client, both of these over ssl.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

python=("${under[@]}" /usr/bin/python3)

cat >aserver.py <<'END'
import asyncio

async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
    writer.close()

async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 8000)
    await server.serve_forever()

asyncio.run(main())
END
cat >aclient.py <<'END'
import asyncio, sys

async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", 8000)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        writer.write(line.encode())
        print((await reader.readline()).decode(), end="", flush=True)
    writer.close()

asyncio.run(main())
END
cat >server.py <<'END'
import http.server, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
if sys.argv[2] == "https":
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("certificate", "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
END
cat >client.py <<'END'
import http.client, ssl, sys

if sys.argv[2] == "https":
    peer = http.client.HTTPSConnection("localhost", int(sys.argv[1]),
        context=ssl.create_default_context(cafile="certificate"))
else:
    peer = http.client.HTTPConnection("localhost", int(sys.argv[1]))
for line in sys.stdin:
    peer.request("POST", "/", line)
    print(peer.getresponse().read().decode(), end="", flush=True)
END
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
	-keyout key -out certificate -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost

serve 8000 "${python[@]}" aserver.py
client "${python[@]}" aclient.py
say 'it works'
heard 'it works'
see 'Python (`asyncio`)' server python3 8000
see 'Python (`asyncio`)' client python3 8000
finish

for protocol in http https; do
	port=$([ $protocol = http ] && echo 8001 || echo 8002)
	serve "$port" "${python[@]}" server.py "$port" $protocol
	client "${python[@]}" client.py "$port" $protocol
	say 'it works'
	heard 'it works'
	with=$([ $protocol = http ] || echo ', `ssl`')
	see "Python (\`http.server\`$with)" server python3 "$port"
	see "Python (\`http.client\`$with)" client python3 "$port"
	finish
done
