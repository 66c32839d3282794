#!/bin/bash
# OpenSSH: both ends turn keepalive on after accept() and connect(), unless
# TCPKeepAlive is "no". The server's part that talks to strangers runs in a
# sandbox without root; its session's runs as the user.
# shellcheck disable=SC2016 source=test/programs/common.sh
. "${0%/*}/common.sh"

mount -t tmpfs tmpfs /run
mkdir /run/sshd
ssh-keygen -q -t ed25519 -N '' -f key
cp key.pub authorized_keys

# sshd PORT [OPTION...]
sshd() {
	local port=$1
	shift
	serve "$port" "${under[@]}" /usr/sbin/sshd -D -e -p "$port" \
		-o ListenAddress=127.0.0.1 -h "$PWD/key" -o StrictModes=no \
		-o AuthorizedKeysFile="$PWD/authorized_keys" \
		-o PermitRootLogin=yes "$@"
}

# connect PORT [OPTION...]
connect() {
	local port=$1
	shift
	client "${under[@]}" ssh -F none -p "$port" -i key -o BatchMode=yes \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=known "$@" \
		root@127.0.0.1 cat
	say 'it works'
	heard 'it works'
}

sshd 2201
connect 2201 -L 2210:127.0.0.1:2211
see sshd server openssh-server 2201
see ssh client openssh-client 2201

# A connection through the tunnel: ssh accepts it, sshd makes it.
serve 2211 socat TCP-LISTEN:2211,bind=127.0.0.1 EXEC:cat
wait_until listens 2210
exec {tunnel}<>/dev/tcp/127.0.0.1/2210
echo 'through the tunnel' >&"$tunnel"
read -r -t 30 -u "$tunnel" line
[ "$line" = 'through the tunnel' ]
see 'ssh (`-L`, what it accepts)' server openssh-client 2210
see 'sshd (`-L`, what it opens)' client openssh-server 2211
exec {tunnel}>&-
finish

sshd 2202 -o TCPKeepAlive=no
connect 2202 -o TCPKeepAlive=no
see 'sshd (`TCPKeepAlive no`)' server openssh-server 2202
see 'ssh (`TCPKeepAlive no`)' client openssh-client 2202
finish
