# README.md, man/ and test/README.md: what they say is held against the code and
# the machine.
load common

readme=$top/README.md
manual=$top/man/libkeepalive.7
page=$top/test/README.md

# with_table NAME: runs the C program on standard input, which can see the table
# in the code.
with_table() {
	local program=$BATS_TEST_TMPDIR/$1
	{
		cat <<-'C'
			#define OBJECT ""
			#define CALLS (AT_ALL | AT_CONNECT_LATE)
			#include "common.h"
			static bool keeps(int fd, int setting)
			{
				return fd && setting;
			}
		C
		cat
	} | gcc -w -D_GNU_SOURCE -I "$top" -x c -o "$program" -
	"$program"
}

# The table in the code, a line a setting: its names, least and greatest value,
# unit, default.
table() {
	with_table table <<-'C'
		int main(void)
		{
			for (int i = 0; i < KEEPALIVE; i++) {
				for (int j = 0; j < VOCABULARIES; j++)
					if (*table[i].names[j])
						printf("%s ", table[i].names[j]);
				printf("%d %d %s %d\n", table[i].least,
					table[i].most, table[i].unit,
					table[i].initial);
			}
		}
	C
}

# The same from a document's "NAMES | MIN to MAX UNIT | DEFAULT".
normal_rows() {
	sed -E 's/0 or ([0-9]+) to /\1 to /; s/ to / /' | tr -s ' |' ' ' |
		sed -E 's/^ | $//g'
}

# The environment variables that the code reads.
variables() {
	table | grep -oE '\b[A-Z_]{2,}[A-Z]\b'
	sed -n '/^static char switches/,/^}/p' "$top/common.h" |
		grep -oE '"[A-Z_]+"' | tr -d '"'
}

# What stands between two lines of the manual.
section() {
	sed -n "/^\.Sh $1\$/,/^\.Sh /p" "$manual"
}

# The manual's literal displays, of all of it or of what is piped in.
literal() {
	sed -n '/^\.Bd -literal/,/^\.Ed/{//!p}' | sed 's/\\-/-/g; s/\\e/\\/g'
}

# same EXPECTED ACTUAL: two texts, and where they differ.
same() {
	diff -u --label expected --label actual \
		<(printf '%s\n' "$1") <(printf '%s\n' "$2")
}

@test "README: the settings are those of the table in the code" {
	rows=$(grep -E '^\| [^|]*\| `TCP_' "$readme" | cut -d '|' -f 3- |
		tr -d '`–' | normal_rows)
	same "$(table)" "$rows"
}

@test "manual: the settings are those of the table in the code" {
	rows=$(section ENVIRONMENT | sed 's/\\-/-/g' | sed -nE \
		'/^\.It Ev TCP_/{s/^\.It Ev//;s/ ,//g;N;s/\n\.Pq//;s/, default//;p}' |
		normal_rows)
	same "$(table)" "$rows"
}

@test "manual: ENVIRONMENT has every variable that the code reads, and no other" {
	documented=$(section ENVIRONMENT | sed -n 's/^\.It Ev //p' |
		tr -d ',' | tr -s ' ' '\n' | grep -vx LD_PRELOAD | sort)
	same "$(variables | sort -u)" "$documented"
}

@test "README: every variable that the code reads is in it, and no other" {
	named=$(grep -oE '\b(TCP_|DD_|KEEP|LIBKEEPALIVE)[A-Z_]*[A-Z]\b' "$readme" |
		sort -u)
	same "$(variables | sort -u)" "$named"
}

@test "manual: every variable that it speaks of exists" {
	unknown=$(sed 's/\\-/-/g' "$manual" |
		grep -oE '\b(TCP_|DD_|KEEP|LIBKEEPALIVE_)[A-Z_]*[A-Z]\b' | sort -u |
		grep -vxE 'LIBKEEPALIVE_LISTEN' | grep -vxFf <(variables) || true)
	same "" "$unknown"
}

@test "options.h: every option of the table in the code is in it" {
	missing=$(with_table missing <<-'C'
		#include "test/helpers/options.h"
		int main(void)
		{
			for (int i = 0; i < SETTINGS; i++) {
				bool found = false;
				for (int j = 0; j < OPTIONS; j++)
					found |= !strcmp(options[j].name,
							table[i].names[0]) &&
						options[j].level == table[i].level &&
						options[j].number == table[i].number;
				if (!found)
					printf("%s\n", table[i].names[0]);
			}
		}
	C
	)
	same "" "$missing"
}

# ---- test/README.md ----

# The first column of the page's tables, where it is a file: without the section
# on an option that is added, or that section alone.
files_in_page() {
	local part='1,/^## When an option is added/p'
	[ "${1-}" != option ] || part='/^## When an option is added/,$p'
	sed -n "$part" "$page" | sed -nE 's/^\| `([^`]+)` \|.*/\1/p'
}

@test "page: each suite, helper and tool has its line, and no other file" {
	there=$(cd "$top/test" && {
		ls -d suites/* helpers/*
		find . -path ./build -prune -o -type f -perm /111 -print |
			sed 's,^\./,,'
	})
	same "$(sort -u <<<"$there")" \
		"$(files_in_page | sed 's,^[a-z]*\.bats,suites/&,' | sort)"
}

@test "page: each file that it speaks of exists" {
	files=$(grep -oE '`[A-Za-z_./]+`' "$page" | tr -d '`' |
		grep -E '/|\.(c|h|bats|md)$' | grep -v -e ^/etc -e /example.bats)
	[ "$(wc -l <<<"$files")" -gt 50 ]
	for file in $files; do
		[ -e "$top/$file" ] || [ -e "$top/test/$file" ] ||
			[ -e "$top/test/suites/$file" ] || {
			echo "$file is missing"
			return 1
		}
	done
}

@test "page: each file that an added option takes names every option" {
	files=$(files_in_page option)
	[ "$(wc -l <<<"$files")" -gt 8 ]
	for name in $(table | cut -d ' ' -f 1); do
		for file in $files; do
			grep -qw "$name" "$top/$file" || unnamed+=" $file:$name"
		done
	done
	same "" "${unnamed-}"
}

@test "page: its example runs" {
	mkdir -p "$BATS_TEST_TMPDIR/test/suites"
	cp "$top/test/run" "$BATS_TEST_TMPDIR/test"
	cp "$top/test/suites/common.bash" "$BATS_TEST_TMPDIR/test/suites"
	sed -n '/^```bash$/,/^```$/{//!p}' "$page" \
		>"$BATS_TEST_TMPDIR/test/suites/example.bats"
	# Without the folder of this bats, which is at the front.
	run -0 alone env -i HOME="$HOME" PATH="${PATH##*/bats-core:}" \
		LIBKEEPALIVE_DIR="$objects" CALL="$call" \
		"$BATS_TEST_TMPDIR/test/run" example.bats 4>&-
	[ "${lines[-1]}" = "2 passed, 0 failed" ]
}

# ---- messages and targets ----

# Every line that the objects can write, by making them write it.
all_messages() {
	local listener='socket s inet stream 0 bind s 127.0.0.1:0 listen s'
	local opened='socket c inet stream 0 connect c s'
	export LIBKEEPALIVE_DEBUG=1
	# shellcheck disable=SC2086
	{
		preload "$both" "$call" $listener $opened accept a s \
			set c TCP_KEEPIDLE 300 socket d inet stream 0 connect d s accept4 b s 0 \
			accept x 99 socket u inet dgram 0 connect u 127.0.0.1:9
		for variable in KEEPALIVE=off KEEPALIVE=force KEEPALIVE=socket KEEPIDLE=75 \
			DD_TCP_KEEPALIVE_TIME=4 \
			"KEEPIDLE=4 DD_TCP_KEEPALIVE_TIME=4" \
			DD_EVAL_ENVIRONMENT_ONCE=0 TCP_KEEPIDLE=x TCP_MAXSEG=1; do
			env $variable LD_PRELOAD="$both" "$call" $listener $opened
		done
		KEEPALIVE=force preload "$both" "$call" socket s inet stream 0 \
			set s SO_KEEPALIVE 0
	} 2>&1 >/dev/null | grep ^libkeepalive
}

# The manual's messages as regular expressions: a word in capitals is anything.
message_patterns() {
	section DIAGNOSTICS | sed -nE 's/^\.It "(.*)"$/\1/p' |
		sed -E 's/""/"/g; s/[][().]/\\&/g; s/[A-Z]{2,}/.*/g; s/.*/^&/; s/: \.\*$/:.*/; s/([^*])$/\1$/'
}

@test "manual: DIAGNOSTICS has every line that the objects write" {
	all_messages >"$BATS_TEST_TMPDIR/written"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/written")" -gt 30 ]
	message_patterns >"$BATS_TEST_TMPDIR/patterns"
	run -1 grep -vEf "$BATS_TEST_TMPDIR/patterns" "$BATS_TEST_TMPDIR/written"
}

@test "manual: each line in DIAGNOSTICS is one that the objects write" {
	all_messages >"$BATS_TEST_TMPDIR/written"
	message_patterns >"$BATS_TEST_TMPDIR/patterns"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/patterns")" -gt 5 ]
	while read -r pattern; do
		grep -qE "$pattern" "$BATS_TEST_TMPDIR/written" || {
			echo "nobody writes $pattern"
			return 1
		}
	done <"$BATS_TEST_TMPDIR/patterns"
}

@test "manual: the verdicts in DIAGNOSTICS are those of the code" {
	in_code=$(sed -n '/^static char verdicts/,/^}/p' "$top/common.h" |
		grep -oE '= "[^"]+"' | tr -d '="' | sed 's/^ //' | sort -u)
	documented=$(section DIAGNOSTICS | sed -n '/^The verdicts/,/^\.It/p' |
		sed -nE 's/^\.Ql (.*) [,.]$/\1/p' | sort -u)
	same "$in_code" "$documented"
}

@test "manual: FILES has both objects and the loader's file" {
	documented=$(section FILES | sed -n 's/^\.It Pa //p' | sort)
	built=$(make -s -C "$top" -p -n clean | sed -n 's/^objects = //p' |
		tr ' ' '\n')
	same "$(printf '%s\n' "$built" /etc/ld.so.preload | sort)" "$documented"
}

@test "documents: each make target and file that they name exists" {
	make -s -C "$top" help | cut -d ' ' -f 1 | sort -u \
		>"$BATS_TEST_TMPDIR/targets"
	unknown=$(grep -ohE '(`|^|Ql |&& )make [a-z]+' \
		"$readme" "$manual" "$page" | sed 's/.*make //' | sort -u |
		grep -vxFf "$BATS_TEST_TMPDIR/targets" || true)
	same "" "$unknown"
	for file in $(grep -oE '\]\([^)#:]*\)' "$readme" | tr -d ']()'); do
		[ -e "$top/$file" ] || {
			echo "$file is missing"
			return 1
		}
	done
}

@test "README: its lines on real programs are those of the last run" {
	rows=$(sed -n '/^| program | side/,/^$/p' "$readme" | tail -n +3)
	[ -n "$rows" ]
	while read -r row; do
		# Which version it was, the run's table has before the side.
		pattern=$(sed 's/[].*^$[]/\\&/g; s/ | / |[^|]*| /' <<<"$row")
		grep -q "^$pattern\$" "$top/test/programs/PROGRAMS.md" || {
			echo "$row"
			return 1
		}
	done <<<"$rows"
}

@test "README: its lines on costs are those of the last run" {
	rows=$(sed -n '/^| what | measured |$/,/^$/p' "$readme" | tail -n +3)
	[ "$(wc -l <<<"$rows")" = 3 ]
	while read -r row; do
		grep -qF "$row" "$top/test/bench/BENCH.md" || {
			echo "$row"
			return 1
		}
	done <<<"$rows"
}

@test "README: its figures are those of the tests and of the last run" {
	# Those of mixed.bats are for make matrix alone.
	tests=$(cat "$top"/test/suites/*.bats | grep -c '^@test ')
	tests=$((tests - $(grep -c '^@test ' "$top/test/suites/mixed.bats")))
	ends=$(grep -cE '\| (client|server) \|' "$top/test/programs/PROGRAMS.md")
	grep -qF "| \`make test\` | $tests tests |" "$readme"
	grep -q "^| .make programs. | .* $ends ends of their connections |$" \
		"$readme"
}

# Which of the other manuals are installed is this machine's affair.
@test "manual: mandoc finds nothing to say" {
	run -0 mandoc -T lint -W warning "$top"/man/*.7
	same "" "$output"
	run mandoc -T lint -W style "$top"/man/*.7
	same "" "$(grep -vE 'referenced manual not found|mandoc.db' <<<"$output")"
}

@test "manual: at 60 and 120 columns only literal lines are longer" {
	for page in "$top"/man/*.7; do
		literal <"$page" >"$BATS_TEST_TMPDIR/literal"
		for width in 60 120; do
			LC_ALL=C.UTF-8 MANWIDTH=$width man --warnings=all \
				-l "$page" >"$BATS_TEST_TMPDIR/rendered" \
				2>"$BATS_TEST_TMPDIR/warnings"
			same "" "$(cat "$BATS_TEST_TMPDIR/warnings")"
			grep -q NAME "$BATS_TEST_TMPDIR/rendered"
			long=$(LC_ALL=C.UTF-8 grep -E ".{$((width + 1))}" \
				"$BATS_TEST_TMPDIR/rendered" |
				grep -vFf "$BATS_TEST_TMPDIR/literal" || true)
			same "" "$long"
		done
	done
}

@test "manual: libkeepalive_listen(7) points to libkeepalive(7)" {
	run -0 man -l "$top/man/libkeepalive_listen.7"
	[[ $output == *"libkeepalive(7)"* ]]
}

# ---- every command, run as it stands ----

# blocks FORMAT: takes the blocks of commands apart, in their order, into files
# N.FORMAT; what CI itself runs is left out.
blocks() {
	local folder=$BATS_TEST_TMPDIR/blocks
	mkdir -p "$folder"
	awk -v folder="$folder" '
		/^```$/ { file = ""; next }
		/^```(sh|console)$/ {
			file = sprintf("%s/%03d.%s", folder, ++n, substr($0, 4))
			next
		}
		file { print > file }'
	[ -e "$folder/001.$1" ]
}

# sandbox COMMAND...: as alone, with files of its own too where root installs.
sandbox() {
	[ "$EUID" -eq 0 ] || unshare --map-root-user true ||
		skip "no root, no user namespaces"
	cat >"$BATS_TEST_TMPDIR/enter" <<-'SH'
		set -eu
		layers=$1 top=$2
		shift 2
		mount -t tmpfs tmpfs "$layers"
		mkdir "$layers/etc" "$layers/changed" "$layers/work"
		# What this user may not read, nobody misses.
		cp -r --preserve=mode,links /etc/. "$layers/etc" 2>/dev/null || :
		mount --bind "$layers/etc" /etc
		mount -t overlay -o "lowerdir=$top,upperdir=$layers/changed" \
			-o "workdir=$layers/work" overlay "$top"
		mount -t tmpfs tmpfs /usr/local
		[ ! -d /var/cache/ldconfig ] ||
			mount -t tmpfs tmpfs /var/cache/ldconfig
		cd "$top"
		exec "$@" 4>&- # bats' own, as 3 is
	SH
	mkdir -p "$BATS_TEST_TMPDIR/layers"
	SHELL=/bin/bash alone bash "$BATS_TEST_TMPDIR/enter" \
		"$BATS_TEST_TMPDIR/layers" "$top" "$@"
}

# What a person types, from a transcript on standard input: each command is
# shown with its prompt. One that stays in the background has been started
# when it listens or is connected.
typed() {
	local line show before=$BATS_TEST_TMPDIR/before
	local count="ss -Hta state listening state established | wc -l"
	while IFS= read -r line; do
		case $line in
		'$ '* | '# '*) ;;
		*) continue ;;
		esac
		printf -v show '%q' "$line"
		printf 'printf "%%s\\n" %s\n' "$show"
		case $line in
		*' &')
			cat <<-SH
				$count >$before
				${line#??}
				timeout 20 sh -c 'until [ "\$($count)" -gt \$(cat $before) ]; do sleep 0.05; done' || echo "not started"
			SH
			;;
		# Jobs have other numbers where nobody is told of their end.
		'$ kill %'*) echo '{ kill $(jobs -p); wait; } 2>/dev/null' ;;
		*) printf '%s\n' "${line#??}" ;;
		esac
	done
}

# What differs from one run to another: ports, the time that a timer has left
# (a few seconds less than in the document), spaces.
steady() {
	sed -E 's/[[:space:]]+/ /g; s/ $//' | sed -E \
		-e 's/((127\.0\.0\.1|\[::1\]):)[0-9]{5}\b/\1PORT/g' \
		-e 's/keepalive,1[0-5]sec/keepalive,~15sec/' \
		-e 's/keepalive,2[0-9]sec/keepalive,~30sec/' \
		-e 's/keepalive,1min5[0-9]sec/keepalive,~2min/'
}

# run_blocks: in one sandbox, each block in a shell of its own.
run_blocks() {
	local block name
	cat >"$BATS_TEST_TMPDIR/all" <<-'SH'
		for block in "$1"/*.typed; do
			bash <"$block" >"${block%.typed}.said" 2>&1
			echo "$?" >"${block%.typed}.status"
		done
	SH
	for block in "$BATS_TEST_TMPDIR"/blocks/*; do
		case $block in
		*.console) typed <"$block" >"${block%.*}.typed" ;;
		*.sh) cat <(echo set -e) "$block" >"${block%.*}.typed" ;;
		esac
	done
	sandbox bash "$BATS_TEST_TMPDIR/all" "$BATS_TEST_TMPDIR/blocks"
	for block in "$BATS_TEST_TMPDIR"/blocks/*.typed; do
		name=${block%.typed}
		if [ -e "$name.console" ]; then
			same "$(steady <"$name.console")" "$(steady <"$name.said")"
		elif [ "$(cat "$name.status")" -ne 0 ]; then
			cat "$name.sh" "$name.said"
			return 1
		fi
	done
}

# The first two blocks install packages and run the tests: test/tools/fresh and CI
# run them.
# shellcheck disable=SC2016
@test "README: its two commands install the packages of the lists" {
	local install='apt-get install -y --no-install-recommends'
	blocks sh <"$readme"
	same "\$(command -v sudo) sh -c 'apt-get update && $install \$(cat test/packages/demo)' && make && make demo" \
		"$(cat "$BATS_TEST_TMPDIR/blocks/001.sh")"
	same "\$(command -v sudo) sh -c '$install \$(cat test/packages/test)' && make test" \
		"$(cat "$BATS_TEST_TMPDIR/blocks/002.sh")"
	# What the demo takes, the tests take, too.
	same "" "$(comm -23 "$top/test/packages/demo" "$top/test/packages/test")"
}

@test "README: every command runs as written, and says what it says there" {
	blocks sh <"$readme"
	rm "$BATS_TEST_TMPDIR"/blocks/00[12].sh
	run_blocks
}

@test "manual: every command in EXAMPLES runs as written, and says what it says there" {
	mkdir "$BATS_TEST_TMPDIR/blocks"
	echo make install >"$BATS_TEST_TMPDIR/blocks/000.sh"
	# All in one shell, as a reader tries one after the other.
	section EXAMPLES | literal >"$BATS_TEST_TMPDIR/blocks/001.console"
	[ "$(grep -c '^[$#] ' "$BATS_TEST_TMPDIR/blocks/001.console")" -gt 15 ]
	run_blocks
}

# Each case of the manual's RECOVERY in /etc/ld.so.preload, with what the loader
# says or the status that every program ends with. A shell that runs already
# goes on, and brings all back without a program's help.
@test "manual: RECOVERY says what the loader does with a broken object" {
	cat >"$BATS_TEST_TMPDIR/break" <<-'SH'
		set -u
		good=$1 folder=$2
		mkdir "$folder/directory.so" "$folder/noexec"
		: >"$folder/empty.so"
		yes | head -c 9999 >"$folder/text.so"
		head -c 200 "$good" >"$folder/header.so"
		head -c 4096 "$good" >"$folder/cut.so"
		for byte in 4=1 18=267; do # the class and the machine in ELF's header
			cp "$good" "$folder/$byte.so"
			printf "\\${byte#*=}" | dd conv=notrunc bs=1 \
				of="$folder/$byte.so" seek="${byte%=*}" 2>/dev/null
		done
		mount -t tmpfs -o noexec tmpfs "$folder/noexec"
		cp "$good" "$folder/noexec/object.so"
		echo "int missing(void); int *f(void) { return (int *)missing; }" |
			gcc -w -shared -fPIC -Wl,-z,now -x c -o "$folder/symbol.so" -
		for object in missing.so 18=267.so 4=1.so empty.so text.so \
			directory.so header.so noexec/object.so cut.so symbol.so; do
			echo "$folder/$object" >/etc/ld.so.preload
			/bin/true 2>"$folder/said"
			status=$?
			: >/etc/ld.so.preload
			printf '%s %s %s\n' "$object" "$status" "$(cat "$folder/said")"
		done
	SH
	mkdir "$BATS_TEST_TMPDIR/broken"
	run -0 sandbox bash "$BATS_TEST_TMPDIR/break" "$client" \
		"$BATS_TEST_TMPDIR/broken"
	while read -r object status said; do
		line=$(grep "^$object " <<<"$output")
		[[ $line =~ ^"$object "$status\ .*"$said" ]] || {
			echo "$object: $line"
			return 1
		}
		[ "$status" != 0 ] || section RECOVERY | grep -qF "$said"
	done <<-'CASES'
		missing.so 0 cannot open shared object file
		18=267.so 0 cannot open shared object file
		4=1.so 0 wrong ELF class
		empty.so 0 file too short
		text.so 0 invalid ELF header
		directory.so 0 cannot read file data
		header.so 0 cannot read file data
		noexec/object.so 0 failed to map segment from shared object
		cut.so (135|139)
		symbol.so 127
	CASES
	[ "${#lines[@]}" -ge 10 ]
}
