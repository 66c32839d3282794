# LIBKEEPALIVE_DEBUG and DD_DEBUG.
load common

settings='TCP_KEEPIDLE=15 TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=150000 SO_KEEPALIVE=1'
version=$(sed -n 's/^#define VERSION "\(.*\)"/\1/p' "$top/common.h")

@test "debug: the first line tells object, version, vocabulary, time and settings" {
	LIBKEEPALIVE_DEBUG=1 run -0 preload "$client" "$call" clearenv
	[ "$output" = "libkeepalive.so $version: on, vocabulary of libkeepalive, at connect(): $settings" ]
	LIBKEEPALIVE_DEBUG=1 run -0 preload "$listen" "$call" clearenv
	[ "$output" = "libkeepalive_listen.so $version: on, vocabulary of libkeepalive, at listen(): $settings" ]
	LIBKEEPALIVE_DEBUG=1 KEEPALIVE=socket TCP_SYNCNT=3 TCP_KEEPIDLE=0 \
		run -0 preload "$client" "$call" clearenv
	[ "$output" = "libkeepalive.so $version: on, vocabulary of libkeepalive, at socket(): TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=-1 TCP_SYNCNT=3 SO_KEEPALIVE=1" ]
	LIBKEEPALIVE_DEBUG=1 KEEPIDLE=75 run -0 preload "$client" "$call" clearenv
	[ "$output" = "libkeepalive.so $version: on, vocabulary of libkeepalive 0.3, at socket(): TCP_KEEPIDLE=75 SO_KEEPALIVE=1" ]
	LIBKEEPALIVE_DEBUG=1 DD_TCP_KEEPALIVE_TIME=4 DD_EVAL_ENVIRONMENT_ONCE=0 \
		run -0 preload "$client" "$call" clearenv
	[ "$output" = "libkeepalive.so $version: on, vocabulary of libdontdie, at socket(), read at every call: TCP_KEEPIDLE=4 SO_KEEPALIVE=1" ]
	LIBKEEPALIVE_DEBUG=1 DD_TCP_KEEPALIVE_TIME=4 KEEPCNT=5 \
		run -0 preload "$client" "$call" clearenv
	[ "$output" = "libkeepalive.so $version: on, vocabulary of libkeepalive 0.3 and libdontdie, at socket(): TCP_KEEPIDLE=4 TCP_KEEPCNT=5 SO_KEEPALIVE=1" ]
	LIBKEEPALIVE_DEBUG=1 KEEPALIVE=force run -0 preload "$listen" "$call" clearenv
	[ "$output" = "libkeepalive_listen.so $version: on, vocabulary of libkeepalive, at listen(), by force: $settings" ]
	LIBKEEPALIVE_DEBUG=1 KEEPALIVE=off run -0 preload "$client" "$call" clearenv
	[ "$output" = "libkeepalive.so $version: off, vocabulary of libkeepalive, at connect():" ]
	LIBKEEPALIVE_DEBUG=1 DD_USE_KEEPALIVE=0 run -0 preload "$client" "$call" clearenv
	[ "$output" = "libkeepalive.so $version: off, vocabulary of libdontdie, at socket():" ]
	LIBKEEPALIVE_DEBUG=1 DD_EVAL_ENVIRONMENT_ONCE=0 run -0 preload "$client" "$call" clearenv
	[ "$output" = "libkeepalive.so $version: on, vocabulary of libdontdie, at socket(), read at every call: SO_KEEPALIVE=1" ]
	LIBKEEPALIVE_DEBUG=1 KEEPALIVE=off run -0 preload "$listen" "$call" clearenv
	[ "$output" = "libkeepalive_listen.so $version: off, vocabulary of libkeepalive, at listen():" ]
	LIBKEEPALIVE_DEBUG=1 DD_EVAL_ENVIRONMENT_ONCE=0 run -0 preload "$listen" "$call" clearenv
	[ "$output" = "libkeepalive_listen.so $version: on, vocabulary of libdontdie, at listen(), read at every call: SO_KEEPALIVE=1" ]
}

@test "debug: the first line asks no descriptor what is derived" {
	TCP_KEEPIDLE=0 LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr \
		network_calls "$both" "$call" clearenv
	[[ $stderr == *"TCP_USER_TIMEOUT=-1"*"TCP_USER_TIMEOUT=-1"* ]]
	[ "$output" = "" ]
}

@test "debug: the note that readelf shows has the first line's version" {
	local object
	for object in "$client" "$listen"; do
		readelf --notes --wide "$object" >"$BATS_TEST_TMPDIR/notes"
		grep -qE '^ +FDO +0x[0-9a-f]+[[:space:]]+FDO_PACKAGING_METADATA' \
			"$BATS_TEST_TMPDIR/notes"
		# The owner's length is 4, whatever the processor's byte order.
		readelf --hex-dump=.note.package "$object" |
			grep -qE '^ +0x[0-9a-f]+ (04000000|00000004) '
		grep -qE "Packaging Metadata: \{\"name\":\"libkeepalive\",\"version\":\"$version\"\}\$" \
			"$BATS_TEST_TMPDIR/notes"
	done
}

@test "debug: tells what was set, be it derived, be it rounded by the kernel" {
	TCP_KEEPIDLE=0 TCP_WINDOW_CLAMP=1 LIBKEEPALIVE_DEBUG=1 \
		run -0 --separate-stderr preload "$client" "$call" close 0 \
		socket c inet stream 0 connect c 127.0.0.1:1 get c TCP_WINDOW_CLAMP
	[ "${stderr_lines[-1]}" = "libkeepalive.so: connect(0): set TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=7335000 TCP_WINDOW_CLAMP=1 SO_KEEPALIVE=1" ]
	[ "${lines[-1]}" != TCP_WINDOW_CLAMP=1 ]
}

@test "debug: a line for each call that a hook saw" {
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr preload "$both" "$call" \
		socket s inet stream 0 bind s 127.0.0.1:0 listen s \
		socket c inet stream 0 connect c s accept a s \
		socket d inet stream 0 connect d s accept4 b s cloexec \
		socket u inet dgram 0 connect u s \
		socket n 77 stream 0 listen u accept x u \
		dup2 l s 100 socket e inet stream 0 connect e s \
		accept4 f 100 cloexec
	local calls
	calls=$(sed -n '/socket(2/,$p' <<<"$stderr")
	[[ $calls == "libkeepalive.so: socket(2, 1, 0) = 3: left to connect()
libkeepalive_listen.so: listen(3, 16) = 0: set $settings
libkeepalive.so: socket(2, 1, 0) = 4: left to connect()
libkeepalive.so: connect(4): set $settings
libkeepalive_listen.so: accept(3) = 5: inherits from listen()
libkeepalive.so: socket(2, 1, 0) = 6: left to connect()
libkeepalive.so: connect(6): set $settings
libkeepalive_listen.so: accept4(3) = 7: inherits from listen()
libkeepalive.so: socket(2, 2, 0) = 8: not TCP
libkeepalive:setsockopt(TCP_KEEPIDLE, 15): Protocol not available
libkeepalive.so: connect(8): not TCP
libkeepalive.so: socket(77, 1, 0) = -1: failed
libkeepalive:setsockopt(TCP_KEEPIDLE, 15): Protocol not available
libkeepalive_listen.so: listen(8, 16) = -1: not TCP
libkeepalive_listen.so: accept(8) = -1: failed
libkeepalive.so: socket(2, 1, 0) = 9: left to connect()
libkeepalive.so: connect(9): set $settings
libkeepalive_listen.so: accept4(100) = "*": set $settings" ]]
}

@test "debug: a call that is left alone says why" {
	LIBKEEPALIVE_DEBUG=1 KEEPALIVE=socket run -0 --separate-stderr \
		preload "$client" "$call" socket c inet stream 0 \
		connect c 127.0.0.1:1
	[[ $stderr == *"libkeepalive.so: socket(2, 1, 0) = 3: set $settings"* ]]
	[[ $stderr == *"libkeepalive.so: connect(3): nothing to set" ]]
	LIBKEEPALIVE_DEBUG=1 KEEPALIVE=off run -0 --separate-stderr \
		preload "$client" "$call" socket c inet stream 0 \
		connect c 127.0.0.1:1
	[[ $stderr == *"libkeepalive.so: connect(3): off" ]]
}

@test "debug: a line for each option that failed, and the others are set" {
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr preload "$client" "$call" \
		socket c inet stream mptcp connect c 127.0.0.1:1
	[[ $stderr == *"
libkeepalive:setsockopt(TCP_USER_TIMEOUT, 150000): Protocol not available
libkeepalive.so: connect(3): set TCP_KEEPIDLE=15 TCP_KEEPINTVL=15 TCP_KEEPCNT=9 SO_KEEPALIVE=1" ]]
	TCP_KEEPIDLE=0 LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr \
		preload "$client" "$call" \
		socket c inet stream mptcp connect c 127.0.0.1:1
	[[ $stderr == *"
libkeepalive:setsockopt(TCP_USER_TIMEOUT, 7335000): Protocol not available
libkeepalive.so: connect(3): set TCP_KEEPINTVL=15 TCP_KEEPCNT=9 SO_KEEPALIVE=1" ]]
}

@test "debug: where every option is refused, the verdict says so" {
	local at
	for at in connect socket; do
		LIBKEEPALIVE_DEBUG=1 KEEPALIVE=$at run -0 --separate-stderr \
			strace -qq -o "$BATS_TEST_TMPDIR/trace" \
			-e inject=setsockopt:error=EPERM \
			-E LD_PRELOAD="$client" "$call" \
			socket c inet stream 0 connect c 127.0.0.1:1
		grep -qE "^libkeepalive.so: $at\(.*: refused$" <<<"$stderr"
	done
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr \
		strace -qq -o "$BATS_TEST_TMPDIR/trace" \
		-e inject=setsockopt:error=EPERM:when=1 \
		-E LD_PRELOAD="$client" "$call" \
		socket c inet stream 0 connect c 127.0.0.1:1
	[[ ${stderr_lines[-1]} == "libkeepalive.so: connect("*"): set ${settings#* }" ]]
	LIBKEEPALIVE_DEBUG=1 KEEPALIVE=socket TCP_SYNCNT=3 \
		run -0 --separate-stderr preload "$client" "$call" \
		socket c inet dgram 0 connect c 127.0.0.1:1
	[ "${stderr_lines[-1]}" = "libkeepalive.so: connect(3): refused" ]
}

@test "debug: a socket that is not TCP is none with all values 0, too" {
	TCP_KEEPIDLE=0 TCP_KEEPINTVL=0 TCP_KEEPCNT=0 TCP_USER_TIMEOUT=0 \
		LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr \
		preload "$client" "$call" socket c inet dgram 0 connect c 127.0.0.1:1
	[ "${stderr_lines[-1]}" = "libkeepalive.so: connect(3): not TCP" ]
}

# bats test_tags=native
@test "debug: an error has its name in English, or a number, in every language" {
	local catalogue=$BATS_TEST_TMPDIR/LC_MESSAGES/libc.mo up
	mkdir "$BATS_TEST_TMPDIR/LC_MESSAGES"
	up=$(printf '../%.0s' {1..20})
	/usr/bin/python3 - >"$catalogue" <<-'PYTHON'
		import struct, sys
		texts = [b"", b"Content-Type: text/plain; charset=UTF-8\n",
		         b"Protocol not available", b"x\ny"]
		table, data = b"", b""
		for text in texts[0::2] + texts[1::2]:
		    table += struct.pack("<2I", len(text), 28 + 32 + len(data))
		    data += text + b"\0"
		sys.stdout.buffer.write(struct.pack(
		    "<7I", 0x950412de, 0, 2, 28, 28 + 16, 0, 0) + table + data)
	PYTHON
	export LC_ALL=C.UTF-8 LANGUAGE=$up$BATS_TEST_TMPDIR
	# bash asks for its language, and connects.
	LIBKEEPALIVE_DEBUG=1 run -0 preload "$client" \
		bash -c ': <>/dev/udp/127.0.0.1/9'
	grep -qx 'libkeepalive:setsockopt(TCP_KEEPIDLE, 15): Protocol not available' \
		<<<"$output"
	LIBKEEPALIVE_DEBUG=1 run -0 preload "$client" "$call" \
		socket u unix stream 0 connect u @nobody
	grep -qx 'libkeepalive:setsockopt(TCP_KEEPIDLE, 15): Operation not supported' \
		<<<"$output"
}

@test "debug: errno and results stay the program's" {
	local calls=(socket s inet stream 0 bind s 127.0.0.1:0 listen s
		socket c inet stream mptcp connect c s accept a s
		socket u unix stream 0 connect u @nobody accept x u)
	local plain
	run -0 preload "" "$call" "${calls[@]}"
	plain=$output
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr preload "$both" \
		"$call" "${calls[@]}"
	[ "$output" = "$plain" ]
	# Nor where debug has lost the descriptor that it would write to.
	calls=(socket s inet stream 0 bind s 127.0.0.1:0 socket c inet stream 0
		close 2 listen s connect c s accept a s)
	run -0 preload "" "$call" "${calls[@]}"
	plain=$output
	LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr preload "$both" \
		"$call" "${calls[@]}"
	[ "$output" = "$plain" ]
}

@test "debug: goes to standard error, or where its value sends it" {
	LIBKEEPALIVE_DEBUG=anything run -0 --separate-stderr \
		preload "$client" "$call" clearenv
	[ -z "$output" ]
	[ -n "$stderr" ]
	LIBKEEPALIVE_DEBUG=stdout run -0 --separate-stderr \
		preload "$client" "$call" clearenv
	[ -n "$output" ]
	[ -z "$stderr" ]
	LIBKEEPALIVE_DEBUG=syslog run -0 --separate-stderr \
		preload "$client" "$call" clearenv
	[ -z "$output" ]
	[ -z "$stderr" ]
	DD_DEBUG=1 run -0 --separate-stderr preload "$client" "$call" clearenv
	[ -z "$output" ]
	[ -z "$stderr" ]
	DD_DEBUG=1 LIBKEEPALIVE_DEBUG=stdout run -0 preload "$client" "$call" clearenv
	[[ $output == *"vocabulary of libdontdie, at socket()"* ]]
	DD_DEBUG=2 run -0 preload "$client" "$call" clearenv
	[ -z "$output" ]
}

@test "debug: is read at start only" {
	run -0 preload "$client" "$call" setenv LIBKEEPALIVE_DEBUG 1 \
		socket c inet stream 0
	[ "$output" = "socket = 3" ]
	DD_EVAL_ENVIRONMENT_ONCE=0 run -0 preload "$client" "$call" \
		setenv LIBKEEPALIVE_DEBUG 1 socket c inet stream 0
	[ "$output" = "socket = 3" ]
	LIBKEEPALIVE_DEBUG=1 DD_EVAL_ENVIRONMENT_ONCE=0 run -0 preload \
		"$client" "$call" unsetenv LIBKEEPALIVE_DEBUG \
		socket c inet stream 0
	[[ ${lines[1]} == *"socket(2, 1, 0) = 3: set SO_KEEPALIVE=1" ]]
}

@test "debug: nothing goes into a file that has taken the descriptor's number" {
	local number value
	for number in 1 2; do
		value=$([ $number = 1 ] && echo stdout || echo stderr)
		LIBKEEPALIVE_DEBUG=$value run -0 preload "$client" "$call" \
			open f "$BATS_TEST_TMPDIR/$number" dup2 g f $number \
			socket c inet stream 0 connect c 127.0.0.1:1
		[[ $output == *"libkeepalive.so $version"* ]]
		run -1 grep libkeepalive "$BATS_TEST_TMPDIR/$number"
		[ -e "$BATS_TEST_TMPDIR/$number" ]
	done
}

same_inode() { # of two file systems, the program's is the second
	for number in 1 2; do
		mkdir "$BATS_TEST_TMPDIR/$number"
		mount -t tmpfs none "$BATS_TEST_TMPDIR/$number"
	done
	LIBKEEPALIVE_DEBUG=1 LD_PRELOAD=$client "$call" \
		open f "$BATS_TEST_TMPDIR/2/file" dup2 g f 2 \
		socket c inet stream 0 2>"$BATS_TEST_TMPDIR/1/file" >/dev/null
	stat -c '%i' "$BATS_TEST_TMPDIR"/[12]/file
	grep -c libkeepalive "$BATS_TEST_TMPDIR"/[12]/file
}

@test "debug: nothing goes into another file of the same file system" {
	cd "$BATS_TEST_TMPDIR"
	LIBKEEPALIVE_DEBUG=1 preload "$client" "$call" open f other \
		dup2 g f 2 socket c inet stream 0 2>start
	[ "$(grep -c libkeepalive start)" = 1 ]
	[ -e other ]
	[ ! -s other ]
}

@test "debug: nothing goes into a file whose inode has the same number elsewhere" {
	run -0 alone same_inode
	[ "${lines[0]}" = "${lines[1]}" ]
	[[ ${lines[2]} == */1/file:1 && ${lines[3]} == */2/file:0 ]]
}

@test "debug: nothing goes into a file that a closed descriptor becomes" {
	LIBKEEPALIVE_DEBUG=1 run -0 preload "" sh -c \
		'LD_PRELOAD=$0 exec "$1" open f "$2" \
			socket c inet stream 0 get f TCP_MAXSEG 2>&-' \
		"$client" "$call" "$BATS_TEST_TMPDIR/file"
	[ ! -s "$BATS_TEST_TMPDIR/file" ]
}

@test "debug: goes nowhere, syslog neither, where its descriptor is closed" {
	local object
	for object in "$client" "$listen"; do
		LIBKEEPALIVE_DEBUG=1 TCP_KEEPIDLE=no run -0 --separate-stderr \
			strace -qq -e trace=%network,write,writev -e signal=none \
			-o "$BATS_TEST_TMPDIR/trace" sh -c \
			'LD_PRELOAD=$0 exec "$1" print ran 2>&-' "$object" "$call"
		[ "$output" = ran ]
		grep -qE '^writev?\(1, .*ran' "$BATS_TEST_TMPDIR/trace"
		run -1 grep -E 'AF_UNIX|sendto|libkeepalive' \
			"$BATS_TEST_TMPDIR/trace"
	done
}

@test "debug: a line is one write, after a question that does not wait" {
	LIBKEEPALIVE_DEBUG=1 strace -qq -e trace=write,poll,ppoll \
		-o "$BATS_TEST_TMPDIR/trace" -E LD_PRELOAD="$client" \
		"$call" socket c inet stream 0 connect c 127.0.0.1:1 2>/dev/null
	[ "$(grep -c '^write(2' "$BATS_TEST_TMPDIR/trace")" = 3 ]
	[ "$(grep -cE '^p?poll\(\[\{fd=2, events=POLLOUT\}\], 1, (0|\{tv_sec=0, tv_nsec=0\}, NULL, 0)\) ' \
		"$BATS_TEST_TMPDIR/trace")" = 3 ]
	[ "$(grep -c '^write(2, "libkeepalive.*\(\\n"\|"\.\.\.\), ' \
		"$BATS_TEST_TMPDIR/trace")" = 3 ]
}

@test "debug: a full pipe or disk and a pipe without a reader lose lines, nothing else" {
	mkfifo "$BATS_TEST_TMPDIR/pipe" "$BATS_TEST_TMPDIR/full"
	exec 7<>"$BATS_TEST_TMPDIR/pipe" 8>"$BATS_TEST_TMPDIR/pipe" 7>&-
	exec 9<>"$BATS_TEST_TMPDIR/full"
	dd if=/dev/zero bs=4096 oflag=nonblock >&9 2>/dev/null || true
	local file
	for file in '&8' '&9' /dev/full; do
		LIBKEEPALIVE_DEBUG=1 run -0 --separate-stderr preload "" \
			timeout 60 sh -c "LD_PRELOAD=\$0 \"\$@\" 2>$file" \
			"$client" "$call" socket c inet stream 0 \
			connect c 127.0.0.1:1
		[ "${lines[1]}" = "connect = -1 ECONNREFUSED" ]
	done
}

# sockets_that_fail: runs the arguments with each as standard error, and writes
# how they ended.
sockets_that_fail() {
	/usr/bin/python3 - "$@" <<-'PYTHON'
		import socket, subprocess, sys
		def pair(kind):
		    if kind != "tcp":
		        return socket.socketpair(type=kind)
		    with socket.create_server(("127.0.0.1", 0)) as listener:
		        near = socket.create_connection(listener.getsockname())
		        return near, listener.accept()[0]
		def full(near, far):
		    near.setblocking(False)
		    try:
		        while True:
		            near.send(b"x" * 4096)
		    except BlockingIOError:
		        near.setblocking(True)
		for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM, \
		        socket.SOCK_SEQPACKET, "tcp":
		    for spoil in (
		        lambda near, far: near.shutdown(socket.SHUT_WR),
		        lambda near, far: far.shutdown(socket.SHUT_RD),
		        lambda near, far: far.close(), full,
		    ):
		        near, far = pair(kind)
		        spoil(near, far)
		        print(subprocess.run(sys.argv[1:], stderr=near,
		                             timeout=60).returncode)
		    near, far = pair(kind)
		    subprocess.run(sys.argv[1:], stderr=near)
		    print(far.recv(4096).count(b"libkeepalive.so") > 0)
		# An error that waits is the program's.
		near = socket.socket(type=socket.SOCK_DGRAM)
		with socket.socket(type=socket.SOCK_DGRAM) as far:
		    far.bind(("127.0.0.1", 0))
		    near.connect(far.getsockname())
		near.send(b"")
		subprocess.run(sys.argv[1:], stderr=near)
		print(near.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
	PYTHON
}

@test "debug: a socket that cannot send loses lines and keeps its error, another gets them" {
	local expected='0 0 0 0 True 0 0 0 0 True 0 0 0 0 True 0 0 0 0 True 111'
	LIBKEEPALIVE_DEBUG=1 run -0 sockets_that_fail env LD_PRELOAD="$client" \
		"$call" socket c inet stream 0
	[ "$(grep -v = <<<"$output" | paste -sd ' ')" = "$expected" ]
	# So does a report.
	TCP_KEEPIDLE=no run -0 sockets_that_fail env LD_PRELOAD="$client" \
		"$call" socket c inet stream 0
	[ "$(grep -v = <<<"$output" | paste -sd ' ')" = "$expected" ]
}

# silent_log [VARIABLE]: nobody reads this log. It takes ten lines and no more.
silent_log() {
	mount -t tmpfs none /dev
	mknod -m 666 /dev/null c 1 3
	echo 10 >/proc/sys/net/unix/max_dgram_qlen
	local i many=()
	for ((i = 0; i < 50; i++)); do
		many+=(socket "s$i" inet dgram 0)
	done
	"$call" socket log unix dgram 0 bind log /dev/log exec \
		timeout 60 env "$@" LD_PRELOAD="$client" "$call" "${many[@]}"
}

@test "debug: syslog where no descriptor is left loses lines, nothing else" {
	DD_DEBUG=1 run -0 strace -qq -e trace=%network,close -e signal=none \
		-e inject=socket:error=EMFILE:when=1 \
		-o "$BATS_TEST_TMPDIR/trace" -E LD_PRELOAD="$client" \
		"$call" print ran
	[ "$output" = ran ]
	grep -q 'socket(AF_UNIX, SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0) .*INJECTED' \
		"$BATS_TEST_TMPDIR/trace"
	run -1 grep -E '(sendto|close)\(-' "$BATS_TEST_TMPDIR/trace"
}

@test "debug: syslog leaves descriptor 0 to the program, where it is closed" {
	DD_DEBUG=1 run -0 sh -c 'LD_PRELOAD=$0 exec "$1" \
		socket c inet dgram 0 <&-' "$client" "$call"
	[ "$output" = "socket = 0" ]
}

@test "debug: syslog keeps no descriptor, and is not waited for" {
	takes_root
	run -0 alone silent_log
	local plain=$output
	run -0 alone silent_log DD_DEBUG=1
	[ "${#lines[@]}" = 52 ]
	[ "$output" = "$plain" ]
}
