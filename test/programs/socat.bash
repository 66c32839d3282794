#!/bin/bash
# socat: by itself, and with options of its own, which it sets before listen()
# and connect().
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

# try VARIANT PORT OPTIONS
try() {
	serve "$2" "${under[@]}" socat "TCP-LISTEN:$2,bind=127.0.0.1$3" EXEC:cat
	client "${under[@]}" socat - "TCP:127.0.0.1:$2$3"
	say 'it works'
	heard 'it works'
	see "socat$1" server socat "$2"
	see "socat$1" client socat "$2"
	finish
}
try '' 8000 ''
try ' (`keepalive,keepidle=300`)' 8001 ,keepalive,keepidle=300
