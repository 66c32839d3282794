#!/bin/bash
# What the scripts of the programs share. Each runs in an empty folder, as
# process 1 of its own namespaces: whatever it starts ends with it.
# shellcheck shell=bash disable=SC2034
set -eu
trap 'echo "${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND: failed"' ERR
set -o errtrace

: "${here:?}" "${folder:?}" "${mode:?}"
ip link set lo up
# What PostgreSQL and Mono leave here when they are killed goes, too.
mount -t tmpfs tmpfs /dev/shm

# "${under[@]}" before a command runs it as this mode has it.
under=(env)
[ "$mode" = itself ] ||
	under+=(LD_PRELOAD="$folder/objects/libkeepalive.so:$folder/objects/libkeepalive_listen.so")
[ "$mode" != force ] || under+=(KEEPALIVE=force)

# The options as see() shows them, where this library's defaults hold.
ours='on 15/15/9/150000'

# wait_until COMMAND...
wait_until() {
	local i
	for ((i = 0; i < 600; i++)); do
		if "$@" >/dev/null 2>&1; then
			return
		fi
		sleep 0.05
	done
	echo "waited in vain: $*"
	return 1
}

listens() {
	[ "$(ss -Htln "sport = :$1")" ]
}

# serve PORT COMMAND...: starts a server, and waits until it listens.
serve() {
	local port=$1
	shift
	"$@" </dev/null &
	server=$! # for who waits for it
	wait_until listens "$port"
}

# client COMMAND...: starts a client, to be spoken to by say() and heard().
client() {
	rm -f to from
	mkfifo to from
	"$@" <to >from &
	client=$!
	exec {to}>to {from}<from
}

# say TEXT: a line for the client's standard input.
say() {
	echo "$1" >&"$to"
}

# heard TEXT: waits until the client has printed a line with that.
heard() {
	local line
	while read -r -t 30 -u "$from" line; do
		echo "$line"
		[[ $line != *"$1"* ]] || return 0
	done
	echo "not heard: $1"
	return 1
}

# The client's end of input.
hang_up() {
	exec {to}>&-
}

# Waits for the client, and whether it is content.
finish() {
	hang_up
	cat <&"$from"
	exec {from}<&-
	wait "$client"
}

# see NAME SIDE PACKAGE PORT [EXPECTED]: writes down the options of the
# connections to PORT that this side's programs hold, and what they are expected
# to be under the library: its own values, others, or "untouched".
see() {
	local name=$1 side=$2 package=$3 port=$4 expected=${5-$ours}
	local pids options version way=sport end=local

	[ "$side" = server ] || way=dport end=peer
	pids=$(ss -Htnp state established "$way = :$port" |
		grep -o 'pid=[0-9]*' | cut -d = -f 2 | sort -u)
	# shellcheck disable=SC2086 # a list of numbers
	options=$("$here/../build/sockets" $pids |
		awk -v end="$end" -v port="$port" '{
			for (i = 1; i <= NF; i++) {
				split($i, pair, "=")
				option[pair[1]] = pair[2]
			}
			if (option["state"] != "ESTAB" ||
				option[end] !~ (":" port "$"))
				next
			print (option["SO_KEEPALIVE"] == 1 ? "on" : "off"),
				option["TCP_KEEPIDLE"] "/" \
				option["TCP_KEEPINTVL"] "/" \
				option["TCP_KEEPCNT"] "/" \
				option["TCP_USER_TIMEOUT"]
		}' | sort -u)
	version=$(dpkg-query -W -f '${Version}' "$package" |
		sed 's/^[0-9]*://; s/[-+].*//')
	echo "$name $side|$version|$expected|$options" >>rows
	echo "$name $side: $options"
	# Both ends were up, and several connections are all the same.
	[[ $options == o* && $options != *$'\n'* ]]
}
