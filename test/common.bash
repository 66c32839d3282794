# What the tests share. Each may point the suite at another build by
# LIBKEEPALIVE_DIR, or at another build of the helper program by CALL.
# shellcheck shell=bash disable=SC2034

bats_require_minimum_version 1.5.0

top=$(cd "$BATS_TEST_DIRNAME/.." && pwd)
objects=${LIBKEEPALIVE_DIR:-$top}
client=$objects/libkeepalive.so
listen=$objects/libkeepalive_listen.so
both=$client:$listen
call=${CALL:-$top/test/build/call}
early=${CALL:-$top/test/build/call}_early.so

# The tests' own environment has none of the library's variables.
unset "${!TCP_@}" "${!KEEP@}" "${!DD_@}" "${!LIBKEEPALIVE_DEBUG@}" LD_PRELOAD

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
