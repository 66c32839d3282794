# What the tests share. Each may point the suite at another build by
# LIBKEEPALIVE_DIR, or at another build of the helper program by CALL.
# Tests tagged "native" preload the system's own programs and objects, those
# tagged "glibc" need what musl does not have.
# shellcheck shell=bash disable=SC2034

bats_require_minimum_version 1.5.0

top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
objects=${LIBKEEPALIVE_DIR:-$top}
client=$objects/libkeepalive.so
listen=$objects/libkeepalive_listen.so
both=$client:$listen
call=${CALL:-$top/test/build/call}
early=${CALL:-$top/test/build/call}_early.so
sockets=$top/test/build/sockets
early_interposer=$top/test/build/interposer_early.so

# The tests' own environment has none of the library's variables.
unset "${!TCP_@}" "${!KEEP@}" "${!DD_@}" "${!LIBKEEPALIVE_DEBUG@}" LD_PRELOAD

# Skips a test that names a tool which test/run has not found, be it in a function
# that it calls.
takes_tools() {
	local functions=("$BATS_TEST_NAME") i body lacks name names
	[ "${LACKS-}" ] || return 0
	names=$(sed -n 's/^\([a-z_0-9]*\)() {.*/\1/p' "$BATS_TEST_FILENAME" \
		"${BASH_SOURCE[0]}")
	for ((i = 0; i < ${#functions[@]}; i++)); do
		body=" $(declare -f "${functions[i]}" | sed 1d) "
		for lacks in $LACKS; do
			[[ ! $body =~ [^[:alnum:]_]${lacks%:*}[^[:alnum:]_] ]] ||
				skip "takes ${lacks#*:}"
		done
		for name in $names; do
			[[ " ${functions[*]} " == *" $name "* ]] ||
				[[ ! $body =~ [^[:alnum:]_-]${name}[^[:alnum:]_-] ]] ||
				functions+=("$name")
		done
	done
}

setup() {
	takes_tools
}

# For tests that an ordinary user cannot run.
takes_root() {
	[ "$EUID" -eq 0 ] || skip "takes root"
}

# takes_descriptors N: many systems start with 1024, and let anybody have more.
takes_descriptors() {
	ulimit -n "$1" || skip "takes $1 descriptors"
}

# Kernels before 6.10 refuse keepalive's options there.
needs_mptcp() {
	[[ $("$call" socket m inet stream mptcp set m TCP_KEEPIDLE 2) == \
		*'setsockopt = 0'* ]] ||
		skip "this kernel has no keepalive options for MPTCP"
}

# preload OBJECTS COMMAND...: runs it as README says. Variables that stand
# before it hold for the command too. Without the descriptors of bats, its own
# start at 3.
preload() {
	local objects=$1
	shift
	LD_PRELOAD=$objects "$@" 3>&- 4>&-
}

# The options of a socket as call's "options" prints them, when nothing has
# been set, and when the defaults of this library have. What depends on the
# route (TCP_MAXSEG, TCP_WINDOW_CLAMP) is left out.
untouched='SO_KEEPALIVE=0 TCP_KEEPIDLE=7200 TCP_KEEPINTVL=75 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=0'
defaults='SO_KEEPALIVE=1 TCP_KEEPIDLE=15 TCP_KEEPINTVL=15 TCP_KEEPCNT=9 TCP_USER_TIMEOUT=150000'

# has LINE TEXT...: each of the texts stands in that line of $output (the last
# one for -1); the line is shown where one does not.
has() {
	local line=${lines[$1]} text
	shift
	for text; do
		[[ $line == *"$text"* ]] || {
			echo "no '$text' in '$line'"
			return 1
		}
	done
}

# network_calls OBJECTS COMMAND...: runs it and prints the network calls that
# the kernel saw, in their order: an option that is set as NAME=VALUE (and "!"
# where it was refused), one that is asked for as NAME?, others by their name.
network_calls() {
	local objects=$1 trace=$BATS_TEST_TMPDIR/trace
	shift
	strace -qq -f -e trace=network,listen -e signal=none -o "$trace" \
		-E LD_PRELOAD="$objects" "$@" >"$BATS_TEST_TMPDIR/stdout"
	sed -E -e 's/^[0-9]+ +//' \
		-e 's/^setsockopt\(.*, ([A-Z_]+), \[(-?[0-9]+)\].* = -1 .*/\1=\2!/' \
		-e 's/^setsockopt\(.*, ([A-Z_]+), \[(-?[0-9]+)\].*/\1=\2/' \
		-e 's/^getsockopt\([^,]*, [^,]*, ([A-Z_]+),.*/\1?/' \
		-e 's/^([a-z0-9]+)\(.*/\1/' "$trace" | paste -sd ' '
}

# alone COMMAND [ARGUMENT...]: runs it, a function or a program, in network and
# process namespaces of its own, which end with it and with all that it started,
# also when this is interrupted. An ordinary user needs a user namespace.
alone() {
	local as=()
	[ "$EUID" -eq 0 ] || as=(--map-root-user)
	unshare "${as[@]}" --net --mount --pid --mount-proc --fork --kill-child \
		bash -euc "$(declare -p client listen both call sockets)
			$(declare -f); BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR
			ip link set lo up; \"\$@\"" alone "$@" 3>&-
}

# await COMMAND...: until it prints something; gives up after a minute.
await() {
	local end=$((SECONDS + 60))
	until [ -n "$("$@")" ]; do
		[ "$SECONDS" -lt "$end" ] || {
			echo "in vain: $*"
			return 1
		}
		sleep 0.02
	done
}

# setsockopt() of bad pointers and short lengths gets the same answers under both
# objects as without them.
kernel_answers_bad_values() {
	local answers='
import ctypes, errno, socket
libc = ctypes.CDLL(None, use_errno=True)
s = socket.socket()
libc.connect(s.fileno(), b"\x02\x00\x00\x01\x7f\x00\x00\x01" + bytes(8), 16)
good = ctypes.byref(ctypes.c_int(300))
for value, size in ((0, 4), (1, 4), (-1, 4), (good, 0), (good, 3),
                    (good, -1), (good, 4), (good, 5)):
    ctypes.set_errno(0)
    r = libc.setsockopt(s.fileno(), 6, socket.TCP_KEEPIDLE,
                        value if isinstance(value, type(good))
                        else ctypes.c_void_p(value), size)
    print(r, errno.errorcode.get(ctypes.get_errno()))
'
	run -0 preload "" /usr/bin/python3 -c "$answers"
	[ "${#lines[@]}" = 8 ]
	[[ $output == *EFAULT* && $output == *EINVAL* ]]
	local plain=$output
	run -0 preload "$both" /usr/bin/python3 -c "$answers"
	[ "$output" = "$plain" ]
}

# For await: whether somebody listens on this TCP port, or has a connection
# that is no longer in the listener's queue.
listening() {
	ss -Hltn "sport = :$1"
}
accepted() {
	ss -Htnp state established "sport = :$1" | grep users
}

# whole_system OBJECTS COMMAND...: runs it where /etc/ld.so.preload names the
# objects, for the command and all that it starts.
whole_system() {
	local room=$BATS_TEST_TMPDIR/etc
	mkdir -p "$room"
	unshare --mount bash -euc '
		mount -t tmpfs none "$0"
		mkdir "$0/upper" "$0/work"
		mount -t overlay none -o \
			"lowerdir=/etc,upperdir=$0/upper,workdir=$0/work" /etc
		echo "$1" >/etc/ld.so.preload.new
		mv /etc/ld.so.preload.new /etc/ld.so.preload
		shift
		exec "$@"' "$room" "$@" 3>&- 4>&-
}
