#!/bin/bash
# Redis: a server sets 300/100/3 (tcp-keepalive 300) on what it accepts,
# redis-cli 15/5/3 after connect(), a replica 300/100/3 again. The user timeout
# follows.
# shellcheck source=test/programs/common.sh
. "${0%/*}/common.sh"

serve 6379 "${under[@]}" redis-server --bind 127.0.0.1 --port 6379
serve 6380 "${under[@]}" redis-server --bind 127.0.0.1 --port 6380 \
	--replicaof 127.0.0.1 6379
client "${under[@]}" redis-cli -p 6380
say PING
heard PONG
see redis-server server redis-server 6380 'on 300/100/3/600000'
see redis-cli client redis-tools 6380 'on 15/5/3/30000'
finish

synchronised() {
	redis-cli -p 6380 info replication | grep -q master_link_status:up
}
wait_until synchronised
see 'redis-server (replica)' client redis-server 6379 \
	'on 300/100/3/600000'
