# What make install, uninstall and dist do, and the examples as they stand. As
# root, an install without DESTDIR renews the loader's cache: only on a copy.
load common

examples=$top/test/examples

# Everything is made from a tarball, as who downloads one makes it: the sources
# as they are now, in a commit of their own.
setup_file() {
	command -v git >/dev/null || return 0 # each test is skipped
	local top=${BATS_TEST_DIRNAME%/*/*}
	unset MAKEFLAGS MAKELEVEL MFLAGS "${!GIT_@}"
	export commit=$BATS_FILE_TMPDIR/commit source=$BATS_FILE_TMPDIR/source
	mkdir "$commit" "$source"
	tar -C "$top" --exclude=./.git --exclude=./test/build --exclude='*.so' \
		--exclude='*.tar*' -c . | tar -C "$commit" -x
	git -C "$commit" init -q
	git -C "$commit" add .
	git -C "$commit" -c user.name=test -c user.email=test@localhost \
		-c commit.gpgsign=false commit -q -m 'As it is'
	make -C "$commit" dist
	tar -C "$source" -x --strip-components=1 -f "$commit"/*.tar.gz
	make -C "$source"
}

setup() {
	takes_tools
	command -v git >/dev/null || skip "takes git"
	unset MAKEFLAGS MAKELEVEL MFLAGS "${!GIT_@}"
	into=$BATS_TEST_TMPDIR/into
}

# on_a_copy SCRIPT: bash runs it as root of a copy of this system, where it may
# write anywhere. With it end its mounts, processes and network. It begins in
# the unpacked tarball.
on_a_copy() {
	local user=() copy
	copy=$(mktemp -d "$BATS_TEST_TMPDIR/copy.XXXX")
	[ "$(id -u)" -eq 0 ] || user=(--user --map-root-user)
	# shellcheck disable=SC2016 # the inner bash expands it
	examples=$examples unshare "${user[@]}" --mount --net --pid --fork \
		--kill-child bash -euc '
		mount -t tmpfs none "$1"
		cd "$1"
		mkdir upper work root
		mount -t overlay none root \
			-o "lowerdir=/,upperdir=upper,workdir=work"
		for shared in /dev /proc /tmp "$2" "$3"; do
			mkdir -p "root$shared"
			mount --rbind "$shared" "root$shared"
		done
		mount -t proc proc root/proc
		ip link set lo up
		exec chroot root bash -euc "cd '\''$3'\'' && $4"
		' bash "$copy" "$top" "$source" "$1"
}

# install_and SCRIPT: the same, after make install.
install_and() {
	on_a_copy "make install >/dev/null && $1"
}

# ---- the objects ----

@test "objects: no SONAME, so that ldconfig keeps the file's own name" {
	for object in libkeepalive.so libkeepalive_listen.so; do
		run -0 readelf --dynamic "$source/$object"
		[[ $output == *NEEDED* && $output != *SONAME* ]]
	done
}

@test "objects: the same from any folder" {
	mkdir "$BATS_TEST_TMPDIR/another folder"
	cp -r "$commit/." "$BATS_TEST_TMPDIR/another folder"
	run -0 make -C "$BATS_TEST_TMPDIR/another folder"
	for object in libkeepalive.so libkeepalive_listen.so; do
		run -0 readelf --wide --sections "$source/$object"
		[[ $output == *.debug_info* && $output == *build-id* ]]
		run -0 cmp "$source/$object" \
			"$BATS_TEST_TMPDIR/another folder/$object"
	done
}

# ---- make dist ----

@test "dist: the same tarball from the same commit, byte for byte" {
	git clone -q "$commit" "$BATS_TEST_TMPDIR/clone"
	touch -d 2001-01-01 "$BATS_TEST_TMPDIR"/clone/*
	(umask 077 && TZ=Asia/Tokyo run -0 make -C "$BATS_TEST_TMPDIR/clone" dist)
	run -0 cmp "$commit"/*.tar.gz "$BATS_TEST_TMPDIR"/clone/*.tar.gz
}

@test "dist: all that is in the commit, in a folder with the version" {
	version=$(sed -n 's/^#define VERSION "\(.*\)"/\1/p' "$top/common.h")
	name=libkeepalive-$version
	run -0 tar -tf "$commit/$name.tar.gz"
	diff <(grep -v '/$' <<<"$output" | sort) \
		<(git -C "$commit" ls-files | sed "s,^,$name/," | sort)
}

@test "dist: the tests pass in the unpacked tarball" {
	cp -r "$source" "$BATS_TEST_TMPDIR/source"
	cd "$BATS_TEST_TMPDIR/source"
	run -0 make test/build/call test/build/call_early.so
	run -0 env -i PATH="${PATH//$BATS_LIBEXEC:/}" HOME="$HOME" \
		test/run portable.bats
	echo "$output"
	[[ ${lines[-1]} =~ ^[1-9][0-9]*\ passed,\ 0\ failed$ ]]
}

# ---- make install ----

@test "install: each file is where GNU's variables say, readable for all" {
	(umask 077 && run -0 make -C "$source" install DESTDIR="$into")
	diff <(cd "$into" && find . -type f -printf '%m %P\n' | sort) - <<-END
		644 usr/local/lib/libkeepalive.so
		644 usr/local/lib/libkeepalive_listen.so
		644 usr/local/share/doc/libkeepalive/LICENSE
		644 usr/local/share/doc/libkeepalive/README.md
		644 usr/local/share/man/man7/libkeepalive.7
		644 usr/local/share/man/man7/libkeepalive_listen.7
	END
	run -0 find "$into/usr" -type d ! -perm 755
	[ -z "$output" ]
}

@test "install: prefix, exec_prefix, libdir, mandir and docdir move files" {
	run -0 make -C "$source" install DESTDIR="$into" prefix=/a
	[ -e "$into/a/lib/libkeepalive.so" ]
	[ -e "$into/a/share/man/man7/libkeepalive.7" ]
	[ -e "$into/a/share/doc/libkeepalive/README.md" ]
	run -0 make -C "$source" install DESTDIR="$into" exec_prefix=/b
	[ -e "$into/b/lib/libkeepalive.so" ]
	run -0 make -C "$source" install DESTDIR="$into" libdir=/c mandir=/d \
		docdir=/e
	[ -e "$into/c/libkeepalive_listen.so" ]
	[ -e "$into/d/man7/libkeepalive.7" ]
	[ -e "$into/e/LICENSE" ]
}

@test "install: an object changes by rename alone, never in place" {
	run -0 make -C "$source" install DESTDIR="$into"
	object=$into/usr/local/lib/libkeepalive.so
	run -0 strace -f -qq -e signal=none -e trace=%file \
		-o "$BATS_TEST_TMPDIR/calls" \
		make -C "$source" install DESTDIR="$into"
	grep -F "\"$object\"" "$BATS_TEST_TMPDIR/calls" |
		grep -E ' (rename[a-z0-9]*|unlink[a-z]*|open[a-z]*|creat|link[a-z]*)\(' |
		grep -E '(rename|link|O_WRONLY|O_RDWR|O_CREAT).* = [0-9]' \
			>"$BATS_TEST_TMPDIR/changes"
	cat "$BATS_TEST_TMPDIR/changes"
	run -0 grep -c . "$BATS_TEST_TMPDIR/changes"
	[ "$output" -eq 1 ]
	run -0 grep -E ' rename[a-z0-9]*\(.* = 0$' "$BATS_TEST_TMPDIR/changes"
}

@test "install: a program that has the old object goes on with it" {
	run -0 make -C "$source" install DESTDIR="$into"
	# shellcheck disable=SC2016 # for the inner shell
	LIBKEEPALIVE_DEBUG=1 run -0 preload \
		"$into/usr/local/lib/libkeepalive.so" \
		bash -c 'LD_PRELOAD= make -C "$1" install DESTDIR="$2" >/dev/null
			grep -c "libkeepalive.so (deleted)" /proc/$$/maps
			: <>/dev/tcp/127.0.0.1/1 || :' bash "$source" "$into"
	[[ $output == *"libkeepalive.so: connect("*"): set"* ]]
	grep -qx '[1-9]' <<<"$output"
}

@test "install: a bare name is enough afterwards, for nc too" {
	takes_root
	# shellcheck disable=SC2016 # for the inner shell
	run -0 install_and '
		nc -l 127.0.0.1 7007 >/dev/null &
		until ss -Hltn | grep -q :7007; do sleep 0.1; done
		LIBKEEPALIVE_DEBUG=1 LD_PRELOAD=libkeepalive.so:libkeepalive_listen.so \
			nc -N 127.0.0.1 7007 </dev/null 2>&1'
	[[ $output != *"cannot be preloaded"* ]]
	[[ $output == *"libkeepalive.so: connect("*"): set"* ]]
	[[ $output == *"libkeepalive_listen.so "*": on"* ]]
}

@test "install: man finds the page by the library's name" {
	takes_root
	# shellcheck disable=SC2016 # for the inner shell
	run -0 install_and 'readlink -f "$(man -w libkeepalive)"'
	[ "$output" = /usr/local/share/man/man7/libkeepalive.7 ]
	for page in libkeepalive libkeepalive_listen; do
		run -0 install_and "man $page | cat"
		tr -s ' ' <<<"$output" | grep "^ *$page.* TCP keepalive for "
	done
}

@test "install: DESTDIR leaves the running system's cache as it is" {
	takes_root
	# shellcheck disable=SC2016 # for the inner shell
	run -0 on_a_copy 'before=$(stat -c %i%y /etc/ld.so.cache)
		make install DESTDIR=/elsewhere >/dev/null
		[ "$before" = "$(stat -c %i%y /etc/ld.so.cache)" ]
		make install >/dev/null
		[ "$before" != "$(stat -c %i%y /etc/ld.so.cache)" ]'
}

# ---- make uninstall ----

@test "uninstall: takes out what install put in" {
	takes_root
	run -0 on_a_copy 'make uninstall >/dev/null
		find /usr -not -type d | sort >/before
		make install >/dev/null
		ldconfig -p | grep -q " /usr/local/lib/libkeepalive.so"
		make uninstall >/dev/null
		find /usr -not -type d | sort | diff /before -
		[ -z "$(ldconfig -p | grep " /usr/local/lib/libkeepalive")" ]
		[ ! -e /usr/local/share/doc/libkeepalive ]'
}

@test "uninstall: refuses while /etc/ld.so.preload names an object" {
	local line
	# shellcheck disable=SC2016 # the loader's own $LIB
	for line in libkeepalive.so /usr/local/lib/libkeepalive_listen.so \
		'/usr/local/$LIB/libkeepalive.so' \
		'other.so:libkeepalive.so # why'; do
		echo "$line"
		make -C "$source" install DESTDIR="$into"
		mkdir -p "$into/etc"
		printf '%s\n' 'before.so' "$line" >"$into/etc/ld.so.preload"
		run -2 make -C "$source" uninstall DESTDIR="$into"
		grep -Fx "$line" <<<"$output"
		[[ $output == *"$into/etc/ld.so.preload"* ]]
		[[ $output != *before.so* ]]
		[ -e "$into/usr/local/lib/libkeepalive.so" ]
		[ -e "$into/usr/local/lib/libkeepalive_listen.so" ]
	done
	echo '# libkeepalive.so was here' >"$into/etc/ld.so.preload"
	run -0 make -C "$source" uninstall DESTDIR="$into"
	[ ! -e "$into/usr/local/lib/libkeepalive.so" ]
}

# ---- the examples, as they stand ----

# values FILE: what its Environment= lines set, a word each.
values() {
	sed -n 's/^Environment=//p' "$examples/$1"
}

# units FILE...: what systemd-analyze says against them. It writes to /run.
units() {
	SYSTEMD_UNIT_PATH=$BATS_TEST_TMPDIR: unshare --mount \
		sh -c 'mount -t tmpfs none /run; exec "$@"' sh \
		systemd-analyze --man=no verify "$@" 2>&1
}

@test "examples: systemd takes the drop-in, and the service has both objects" {
	takes_root
	mkdir "$BATS_TEST_TMPDIR/any.service.d"
	cp "$examples/keepalive.conf" "$BATS_TEST_TMPDIR/any.service.d"
	printf '[Service]\nExecStart=true\n' >"$BATS_TEST_TMPDIR/any.service"
	run -0 units any.service
	[ -z "$output" ]
	echo 'Enviroment=X=1' >>"$BATS_TEST_TMPDIR/any.service.d/keepalive.conf"
	run -0 units any.service
	[[ $output == *Enviroment* ]] # so it did read the drop-in
	run -0 install_and "env $(values keepalive.conf | xargs) \
		LIBKEEPALIVE_DEBUG=1 true 2>&1"
	[ "${#lines[@]}" -eq 2 ]
	has 0 TCP_KEEPIDLE=60
	has 1 TCP_KEEPIDLE=60
}

@test "examples: a socket-activated proxy has keepalive on both sides" {
	takes_root
	cp "$examples"/proxy.* "$BATS_TEST_TMPDIR"
	run -0 units proxy.socket proxy.service
	[ -z "$output" ]
	run -0 install_and "
		systemd-socket-activate \
			$(sed -n 's/^ListenStream=/--listen=/p' \
				"$examples/proxy.socket") \
			$(values proxy.service | sed 's/^/--setenv=/' | xargs) \
			$(sed -n 's/^ExecStart=//p' "$examples/proxy.service") &
		echo hello | nc -l 127.0.0.1 7008 &
		until [ \$(ss -Hltn | grep -c :700) -eq 2 ]; do sleep 0.1; done
		exec 3<>/dev/tcp/127.0.0.1/7007
		head -n 1 <&3
		ss -Htno state established sport = :7007 or dport = :7008"
	echo "$output"
	grep -qx hello <<<"$output"
	[ "$(grep -cE 'timer:\(keepalive,(1min|5[0-9]sec)' <<<"$output")" -eq 2 ]
}

@test "examples: the image that the Dockerfile makes preloads the object" {
	takes_root
	run -0 grep -c ^FROM "$examples/Dockerfile"
	[ "$output" -eq 2 ]
	# What it installs is what the tests have been run with.
	run -0 sed -n 's/^RUN apt-get .*--no-install-recommends //p' \
		"$examples/Dockerfile"
	[ "$output" ]
	for package in $output; do
		grep -x "$package" "$top/test/packages/test"
	done
	script=$(sed -n -e '/^RUN apt-get/d' -e 's/^RUN //p' \
		-e 's,^COPY \. ,cp -r . ,p' \
		-e 's,^COPY --from=build /image /,cp -r /image/. /,p' \
		-e 's/^ENV \(.*\)/env \1 LIBKEEPALIVE_DEBUG=1 true 2>\&1/p' \
		"$examples/Dockerfile")
	# The project itself may lie in /src, and the image cleans that.
	script=${script//\/src/\/copied}
	[ "$(grep -c . <<<"$script")" -eq \
		"$(grep -cE '^(COPY|ENV|RUN [^a])' "$examples/Dockerfile")" ]
	run -0 on_a_copy "$script"
	has -1 'libkeepalive.so ' TCP_KEEPIDLE=60
}

@test "examples: the pod's environment preloads the object" {
	takes_root
	run -1 grep -E 'value: +[0-9]' "$examples/pod.yaml" # must be a string
	script=$(awk '$2 == "name:" { name = $3 }
		$1 == "value:" { gsub("\"", ""); print name "=" $2 }' \
		"$examples/pod.yaml" | xargs)
	[[ $script == LD_PRELOAD=* ]]
	run -0 install_and "env $script LIBKEEPALIVE_DEBUG=1 true 2>&1"
	has -1 'libkeepalive.so ' TCP_KEEPIDLE=60
}

@test "examples: the shell function adds the object to what is preloaded" {
	takes_root
	local script
	# shellcheck disable=SC2016 # for the inner shell
	script='. "$examples/keepalive.sh"
		export LIBKEEPALIVE_DEBUG=1
		keepalive printf "<%s>" "two words" "" 2>&1'
	run -0 install_and "$script"
	[ "${#lines[@]}" -eq 2 ]
	has 0 'libkeepalive.so '
	[ "${lines[1]}" = '<two words><>' ]
	run -0 install_and "export LD_PRELOAD=libkeepalive_listen.so; $script"
	[[ $output == *'libkeepalive.so '*': on'* ]]
	[[ $output == *'libkeepalive_listen.so '*': on'* ]]
}

@test "examples: AppArmor's line lets a profile map both objects" {
	local profile=$BATS_TEST_TMPDIR/profile pattern
	printf 'profile any {\n%s\n}\n' "$(<"$examples/apparmor")" >"$profile"
	run -0 apparmor_parser --skip-kernel-load --skip-cache \
		--dump=rule-exprs "$profile"
	echo "$output"
	pattern=$(sed -n 's,^aare: /.* -> *,,p' <<<"$output")
	[ "$pattern" ]
	for object in lib/libkeepalive.so lib/libkeepalive_listen.so \
		lib/x86_64-linux-gnu/libkeepalive.so; do
		grep -qP "^$pattern\$" <<<"/usr/local/$object"
	done
	run -1 grep -P "^$pattern\$" <<</usr/local/lib/libc.so
}
