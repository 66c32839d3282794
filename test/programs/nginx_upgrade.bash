#!/bin/bash
# nginx after the upgrade of its binary (USR2): the new program gets the old
# one's listeners, and of its environment what "env" lines name. Without those
# it runs by itself, but accepts from listeners that were prepared.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

# try NAME SETTINGS [EXPECTED]
try() {
	local name=$1 old
	cat >nginx.conf <<-END
		pid nginx.pid;
		error_log error.log;
		$2
		events { }
		http {
			access_log off;
			server {
				listen 127.0.0.1:8000;
				return 200 "it works\n";
			}
		}
	END
	"${under[@]}" /usr/sbin/nginx -p "$PWD" -c "$PWD/nginx.conf"
	# A signal before it has workers is noted, but waits for the next one.
	wait_until workers
	old=$(cat nginx.pid)
	kill -USR2 "$old"
	wait_until test -e nginx.pid.oldbin -a -e nginx.pid
	kill -QUIT "$old"
	wait_until gone "$old"

	client telnet_to 8000
	say 'GET / HTTP/1.1'
	say 'Host: localhost'
	say ''
	heard 'it works'
	see "$name" server nginx 8000
	finish
	old=$(cat nginx.pid)
	kill -QUIT "$old"
	wait_until gone "$old"
}

workers() {
	pgrep -P "$(cat nginx.pid)"
}

gone() {
	! kill -0 "$1"
}

# telnet_to PORT: what is said goes there, line by line, and comes back.
telnet_to() {
	exec socat - "TCP:127.0.0.1:$1,crnl"
}

try 'nginx (after a binary upgrade)' ''
try 'nginx (after a binary upgrade, with `env LD_PRELOAD`)' \
	'env LD_PRELOAD; env KEEPALIVE;'
