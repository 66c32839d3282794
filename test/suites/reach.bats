# What is reached and what is not, where the manual's CAVEATS speak of programs
# that look calls up for themselves, and of wrappers that preload an object too.
load common

manual=$top/man/libkeepalive.7
lib=/usr/lib/$(gcc -print-multiarch)

# as_written WRAPPER COMMAND...: the manual's line for this wrapper, with the
# object's path and this command.
as_written() {
	local line
	line=$(sed 's/\\-/-/g' "$manual" | grep "^$1 .* exec command'$")
	line=${line/libkeepalive.so/$client}
	shift
	echo "${line/command/$*}"
}

# ---- a handle of the C library ----

# by_handle [KEEPALIVE]: on or off for each of four sockets, which socket() and
# connect() made: each of them found as any program finds it, or by a handle.
by_handle() {
	KEEPALIVE=${1-} preload "$client" /usr/bin/python3 -c '
import ctypes, socket
program, handle = ctypes.CDLL(None), ctypes.CDLL("libc.so.6")
for opening in program, handle:
    for connecting in program, handle:
        s = socket.socket(fileno=opening.socket(2, 1, 0))
        connecting.connect(s.fileno(), b"\2\0\0\1\x7f\0\0\1" + bytes(8), 16)
        print(["off", "on"][s.getsockopt(socket.SOL_SOCKET,
                                         socket.SO_KEEPALIVE)])
' | paste -sd ' '
}

@test "reach: connect() by a handle of the C library goes past the object" {
	run -0 by_handle
	[ "$output" = "on off on off" ]
}

@test "reach: KEEPALIVE=socket reaches it, where socket() is not by a handle" {
	run -0 by_handle socket
	[ "$output" = "on on off off" ]
}

# ---- torsocks ----

# by_proxy COMMAND...: runs it where a SOCKS server, which sends back what it
# gets, takes every connection.
by_proxy() {
	/usr/bin/python3 - 4>&- <<-'PYTHON' &
		import socketserver

		class Proxy(socketserver.StreamRequestHandler):
		    def handle(self):
		        methods = self.rfile.read(2)[1]
		        self.rfile.read(methods)
		        self.wfile.write(b"\5\0")
		        kind, length = self.rfile.read(5)[3:]
		        self.rfile.read(5 if kind == 1 else length + 2)
		        self.wfile.write(b"\5\0\0\1" + bytes(6))
		        while data := self.rfile.read1():
		            self.wfile.write(data)

		socketserver.TCPServer(("127.0.0.1", 9050), Proxy).serve_forever()
	PYTHON
	await listening 9050
	"$@" 4>&-
}

to_proxy=(socket c inet stream 0 connect c 192.0.2.1:9 write c hello read c
	options c)

@test "wrappers: torsocks comes first by itself, and nothing is set" {
	local when
	for when in connect socket; do
		LIBKEEPALIVE_DEBUG=1 KEEPALIVE=$when run -0 --separate-stderr \
			alone by_proxy env LD_PRELOAD="$client" \
			torsocks "$call" "${to_proxy[@]}"
		has -2 "read = 5 hello"
		has -1 "$untouched"
		# Debug says "on", of the wrapper too, and not a word on calls.
		[[ ${stderr_lines[-1]} == *": on, "* ]]
		run -1 grep -E 'socket\([0-9]|connect\([0-9]' <<<"$stderr"
	done
}

@test "wrappers: torsocks after the object, as the manual says, and it is set" {
	run -0 alone by_proxy bash -c \
		"$(as_written torsocks "$call" "${to_proxy[@]}")"
	has -2 "read = 5 hello"
	has -1 "$defaults"
}

@test "wrappers: torsocks comes before /etc/ld.so.preload, too" {
	takes_root
	run -0 alone by_proxy whole_system "$client" \
		torsocks "$call" "${to_proxy[@]}"
	has -2 "read = 5 hello"
	has -1 "$untouched"
	run -0 alone by_proxy whole_system "$client" bash -c \
		"$(as_written torsocks "$call" "${to_proxy[@]}")"
	has -2 "read = 5 hello"
	has -1 "$defaults"
}

@test "wrappers: without its object in LD_PRELOAD, the program goes past torsocks" {
	# There is no other network: what does not go to the proxy fails.
	run -0 alone by_proxy torsocks env LD_PRELOAD="$client" \
		"$call" "${to_proxy[@]:0:8}"
	has -1 "connect = -1"
	# Its bare name is enough where the loader knows its folder: from Debian
	# 13 on.
	run -0 alone by_proxy env LD_PRELOAD="$client:libtorsocks.so" \
		"$call" "${to_proxy[@]:0:8}"
	if ldconfig -p | grep -q libtorsocks; then
		has -1 "connect = 0"
	else
		has -1 "connect = -1"
	fi
}

# ---- socket_wrapper ----

# wrapped OBJECTS: the options that the kernel gets from a client.
wrapped() {
	SOCKET_WRAPPER_DIR=$BATS_TEST_TMPDIR network_calls "$1" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		socket c inet stream 0 connect c s |
		grep -oE '[A-Z_]+=[0-9]+' || true
}

@test "wrappers: socket_wrapper hears of the options only after the object" {
	# It has sockets that are not TCP, and takes care of TCP's options.
	run -0 wrapped "$client:$lib/libsocket_wrapper.so"
	[ "$output" = SO_KEEPALIVE=1 ]
	run -0 wrapped "$lib/libsocket_wrapper.so:$client"
	[ "$output" = "" ]
}

# ---- mptcpize ----

# by_mptcpize COMMAND...: runs it; the last line tells which sockets it opened.
by_mptcpize() {
	strace -f -qq -e trace=socket -e signal=none \
		-o "$BATS_TEST_TMPDIR/trace" "$@" 3>&- 4>&-
	grep -oE 'IPPROTO_[A-Z]+' "$BATS_TEST_TMPDIR/trace"
}

to_nobody=(socket c inet stream 0 connect c 127.0.0.1:1 options c)

@test "wrappers: mptcpize overwrites LD_PRELOAD, or keeps the object first" {
	LIBKEEPALIVE_DEBUG=1 LD_PRELOAD=$client run --separate-stderr \
		mptcpize run grep libkeepalive /proc/self/maps
	if dpkg --compare-versions "$(dpkg-query -f '${Version}' -W mptcpize)" \
		ge 0.14; then
		[ "$status" = 0 ]
		[ "${#stderr_lines[@]}" = 2 ]
		LD_PRELOAD=$client run -0 by_mptcpize mptcpize run \
			"$call" "${to_nobody[@]}"
		has -2 SO_KEEPALIVE=1 TCP_KEEPIDLE=15
		has -1 IPPROTO_MPTCP
		return
	fi
	# Debug's line is that of mptcpize itself.
	[ "$status" = 1 ]
	[ "$output" = "" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == *": on, "* ]]
}

@test "wrappers: mptcpize with the object, as the manual says, and it is set" {
	needs_mptcp
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr bash -c \
		"$(as_written mptcpize grep libkeepalive /proc/self/maps)"
	[ "${#lines[@]}" -gt 0 ]
	[ "${#stderr_lines[@]}" = 1 ]
	run -0 by_mptcpize bash -c \
		"$(as_written mptcpize "$call" "${to_nobody[@]}")"
	has -2 SO_KEEPALIVE=1 TCP_KEEPIDLE=15 TCP_KEEPINTVL=15 TCP_KEEPCNT=9
	has -1 IPPROTO_MPTCP
}

@test "wrappers: without its object in LD_PRELOAD, the program goes past mptcpize" {
	run -0 by_mptcpize mptcpize run env LD_PRELOAD="$client" \
		"$call" "${to_nobody[@]}"
	has -2 "$defaults"
	has -1 IPPROTO_IP
}
