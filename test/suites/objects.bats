# What the two objects are made of, whichever compiler builds them.
load common

# build COMPILER [VARIABLE=VALUE...]: in a folder of the test's own.
build() {
	cp -r "$top"/{Makefile,*.c,*.h} "$BATS_TEST_TMPDIR"
	make -s -C "$BATS_TEST_TMPDIR" "CC=$1" "${@:2}" 2>&1
}

# symbols defined|undefined OBJECT: their names, in one line.
symbols() {
	nm -D "--$1-only" "$2" | sed 's/.* //; s/@.*//' | sort | paste -sd ' '
}

# environ and _environ are other names of __environ, which alone is used.
allowed='__environ _environ environ __errno_location __fstat64_time64 dlsym fstat fstat64 getauxval memcpy memset snprintf syscall vsnprintf'

imports_are_allowed() {
	local symbol
	for symbol in $(symbols undefined "$1"); do
		[[ " $allowed " == *" $symbol "* ]] || {
			echo "$1 needs $symbol"
			return 1
		}
	done
}

is_hardened() {
	local segments dynamic notes
	segments=$(readelf -lW "$1")
	dynamic=$(readelf -dW "$1")
	notes=$(readelf -nW "$1")
	[ "$(grep -c ' LOAD ' <<<"$segments")" = 2 ]
	grep -q ' GNU_RELRO ' <<<"$segments"
	grep -q ' GNU_STACK .* RW ' <<<"$segments"
	grep -q 'FLAGS_1.* NOW' <<<"$dynamic"
	run -1 grep -E 'TEXTREL|R.?PATH' <<<"$dynamic"
	[ "$(grep -c NEEDED <<<"$dynamic")" = 1 ]
	grep -q 'NEEDED.*libc\.' <<<"$dynamic"
	[ "$(uname -m)" != x86_64 ] || grep -q 'IBT, SHSTK' <<<"$notes"
}

@test "objects: gcc and clang build both without a word" {
	local compiler
	for compiler in gcc clang; do
		run -0 build $compiler
		[ -z "$output" ]
		rm -r "${BATS_TEST_TMPDIR:?}"/*
	done
}

@test "objects: each exports what it hooks, and nothing else" {
	local compiler
	for compiler in gcc clang; do
		build $compiler
		[ "$(symbols defined "$BATS_TEST_TMPDIR/libkeepalive.so")" = \
			"connect setsockopt socket" ]
		[ "$(symbols defined "$BATS_TEST_TMPDIR/libkeepalive_listen.so")" = \
			"accept accept4 listen setsockopt" ]
		rm -r "${BATS_TEST_TMPDIR:?}"/*
	done
}

@test "objects: each imports what glibc and musl both have, from a short list" {
	local compiler object
	for compiler in gcc clang; do
		build $compiler
		for object in "$BATS_TEST_TMPDIR"/*.so; do
			imports_are_allowed "$object"
		done
		rm -r "${BATS_TEST_TMPDIR:?}"/*
	done
}

@test "objects: full RELRO, two segments, no executable stack, control-flow note" {
	local compiler object
	for compiler in gcc clang; do
		build $compiler
		for object in "$BATS_TEST_TMPDIR"/*.so; do
			is_hardened "$object"
		done
		rm -r "${BATS_TEST_TMPDIR:?}"/*
	done
}

@test "objects: the user's flags are added and take nothing away" {
	run -0 build gcc CFLAGS='-O2 -fno-pic -fvisibility=default -fcf-protection=none' \
		CPPFLAGS='-D_FORTIFY_SOURCE=2 -DUSERS_OWN' \
		LDFLAGS='-Wl,-z,norelro,-z,lazy,-z,separate-code,-z,execstack'
	local object
	for object in "$BATS_TEST_TMPDIR"/*.so; do
		imports_are_allowed "$object"
		is_hardened "$object"
	done
	[ "$(symbols defined "$BATS_TEST_TMPDIR/libkeepalive.so")" = \
		"connect setsockopt socket" ]
	run -0 make -n -C "$BATS_TEST_TMPDIR" -B CC=users-cc CFLAGS=-users-c \
		CPPFLAGS=-users-cpp LDFLAGS=-users-ld
	[[ $output == *"users-cc "*" -users-cpp -users-c -users-ld "* ]]
}

@test "objects: a function that is not marked is not exported" {
	cp -r "$top"/{Makefile,*.c,*.h} "$BATS_TEST_TMPDIR"
	echo 'int unmarked(void); int unmarked(void) { return 1; }' \
		>>"$BATS_TEST_TMPDIR/keepalive.c"
	make -s -C "$BATS_TEST_TMPDIR" CFLAGS=-fvisibility=default
	[ "$(symbols defined "$BATS_TEST_TMPDIR/libkeepalive.so")" = \
		"connect setsockopt socket" ]
}

@test "objects: a missing symbol stops the build, not every program" {
	cp -r "$top"/{Makefile,*.c,*.h} "$BATS_TEST_TMPDIR"
	echo 'int nobodys(void); EXPORT int more(void) { return nobodys(); }' \
		>>"$BATS_TEST_TMPDIR/keepalive.c"
	run -2 make -s -C "$BATS_TEST_TMPDIR"
	[[ $output == *"undefined reference to \`nobodys'"* ]]
}
