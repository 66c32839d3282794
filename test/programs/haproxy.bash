#!/bin/bash
# HAProxy before and after a seamless reload: the new worker gets the old one's
# listeners. Then one that runs under the library takes the listeners over from
# one that does not.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

# connect: through the proxy and back.
connect() {
	client socat - TCP:127.0.0.1:8000
	say 'it works'
	heard 'it works'
}

# try NAME
try() {
	connect
	see "$1" server haproxy 8000
	see "$1" client haproxy 8001
	finish
}

listener() {
	ss -Htlne 'sport = :8000' | grep -o 'ino:[0-9]*'
}

workers() {
	pgrep -P "$master"
}

# The new worker is there, and the old one is gone.
reloaded() {
	[ "$(workers)" ] && ! workers | grep -Fxq "$before"
}

cat >haproxy.cfg <<END
global
	stats socket $PWD/socket level admin expose-fd listeners
defaults
	mode tcp
	timeout connect 30s
	timeout client 90s
	timeout server 90s
listen proxy
	bind 127.0.0.1:8000
	server backend 127.0.0.1:8001
END
serve 8001 socat TCP-LISTEN:8001,bind=127.0.0.1,fork EXEC:cat
serve 8000 "${under[@]}" haproxy -W -f haproxy.cfg
master=$server
try HAProxy

handed=$(listener)
before=$(workers)
kill -USR2 "$master"
wait_until reloaded
[ "$(listener)" = "$handed" ]
try 'HAProxy (after a reload)'
kill "$master"
wait "$master" || true

serve 8000 haproxy -f haproxy.cfg
connect
finish
handed=$(listener)
"${under[@]}" haproxy -f haproxy.cfg -x "$PWD/socket" -sf "$server" &
wait "$server"
[ "$(listener)" = "$handed" ]
try 'HAProxy (takes over with `-x`)'
