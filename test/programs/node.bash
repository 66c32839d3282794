#!/bin/bash
# Node.js: net by itself, setKeepAlive() on both ends, an HTTP agent.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

cat >server.js <<'END'
const [keepAlive, port] = [process.argv[2] == "keepalive", process.argv[3]];
require("net").createServer(peer => {
	if (keepAlive)
		peer.setKeepAlive(true, 300000);
	peer.pipe(peer);
}).listen(port, "127.0.0.1");
END
cat >client.js <<'END'
const [keepAlive, port] = [process.argv[2] == "keepalive", process.argv[3]];
const peer = require("net").connect(port, "127.0.0.1", () => {
	if (keepAlive)
		peer.setKeepAlive(true, 300000);
	process.stdin.pipe(peer).pipe(process.stdout);
});
END
cat >http_server.js <<'END'
require("http").createServer((request, response) => request.pipe(response))
	.listen(process.argv[2], "127.0.0.1");
END
cat >http_client.js <<'END'
const http = require("http");
const agent = new http.Agent({keepAlive: true, keepAliveMsecs: 300000});
const to = {port: process.argv[2], host: "127.0.0.1", method: "POST", agent};
process.stdin.pipe(http.request(to, answer => {
	answer.pipe(process.stdout);
	answer.on("end", () => agent.destroy());
}));
END

serve 8000 "${under[@]}" node server.js plain 8000
client "${under[@]}" node client.js plain 8000
say 'it works'
heard 'it works'
see 'Node.js (`net`)' server nodejs 8000
see 'Node.js (`net`)' client nodejs 8000
finish

serve 8001 "${under[@]}" node server.js keepalive 8001
client "${under[@]}" node client.js keepalive 8001
say 'it works'
heard 'it works'
see 'Node.js (`setKeepAlive`, 300 s)' server nodejs 8001 'on 300/1/10/310000'
see 'Node.js (`setKeepAlive`, 300 s)' client nodejs 8001 'on 300/1/10/310000'
finish

serve 8002 "${under[@]}" node http_server.js 8002
client "${under[@]}" node http_client.js 8002
say 'it works'
heard 'it works'
see 'Node.js (`http`)' server nodejs 8002
see 'Node.js (`http`, keep-alive agent)' client nodejs 8002 'on 300/1/10/310000'
finish
