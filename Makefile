# libkeepalive: TCP keepalive for unmodified programs
# SPDX-License-Identifier: ISC

objects = libkeepalive.so libkeepalive_listen.so

WARNINGS = -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wcast-qual

# CFLAGS is the user's; what the objects cannot do without stands behind it.
# A flag has to suit the headers too: inline functions there may take a double.
takes = $(shell $(CC) $(CPPFLAGS) -Werror -O2 $(1) -include stdlib.h \
	-c -x c /dev/null -o /dev/null 2>/dev/null && echo $(1))
CFLAGS = -Os -g -fno-plt
needed := -fPIC -fvisibility=hidden -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 \
	$(call takes,-fcf-protection) $(call takes,-mbranch-protection=standard) \
	$(call takes,-mgeneral-regs-only) -funwind-tables \
	-fdebug-prefix-map='$(CURDIR)'=. -shared -nostartfiles \
	-Wl,-z,relro,-z,now,-z,defs,-z,noexecstack,-z,noseparate-code

# A line for each file, unless it is make -s; the whole command with make V=1.
is_silent = $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(filter 1,$(V)),,@$(if $(is_silent),,echo '  build $@';) )

.PHONY: all
all: $(objects) ## build both objects (as plain make does)
	$(if $(is_silent),,@printf '%s\n' \
		'Next: make demo, make test, make install (as root), or at once' \
		'LD_PRELOAD=$(CURDIR)/libkeepalive.so COMMAND')

libkeepalive.so: keepalive.c
libkeepalive_listen.so: keepalive_listen.c
$(objects): common.h Makefile test/build/defaults
	$(say)$(CC) $(WARNINGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(needed) \
		@test/build/defaults -o $@ $(filter %.c,$^)

# The compiler's options for DEFAULTS='NAME=VALUE ...', which are checked against
# the table. They stay until make has other ones, or make clean.
ifneq ($(origin DEFAULTS),undefined)
export DEFAULTS
test/build/defaults: FORCE
endif
test/build/defaults:
	@mkdir -p $(@D)
	@awk "$$check_defaults" common.h >$@.new
	@cmp -s $@.new $@ || cp $@.new $@
	@rm $@.new
FORCE:

# The tests' own programs: for a preloaded constructor, as an object too.
test_programs = test/build/call test/build/call_early.so test/build/sockets \
	test/build/view test/build/interposer_early.so test/build/bench \
	test/build/empty.so test/build/bare.so

vpath %.c test/helpers test/bench

test/build/call test/build/call_early.so test/build/sockets: \
	test/helpers/options.h

test/build/%: %.c
	@mkdir -p $(@D)
	$(say)$(CC) $(WARNINGS) -D_GNU_SOURCE $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<

test/build/%_early.so: %.c
	@mkdir -p $(@D)
	$(say)$(CC) $(WARNINGS) -D_GNU_SOURCE $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) \
		-DEARLY -fPIC -shared -o $@ $<

# GNU's names for where things go.
prefix = /usr/local
exec_prefix = $(prefix)
libdir = $(exec_prefix)/lib
datarootdir = $(prefix)/share
mandir = $(datarootdir)/man
docdir = $(datarootdir)/doc/libkeepalive
installed = $(objects:%=$(libdir)/%) $(docdir)/README.md $(docdir)/LICENSE \
	$(patsubst man/%,$(mandir)/man7/%,$(wildcard man/*.7))
preload = $(DESTDIR)/etc/ld.so.preload

# A library's bare name is looked up in a cache, that root keeps.
cache = PATH="$$PATH:/sbin"; [ -n '$(DESTDIR)' ] || [ "$$(id -u)" != 0 ] || \
	! command -v ldconfig >/dev/null || ldconfig

.PHONY: install
install: $(objects) ## put the objects, the manual and README below prefix
	@set -eu; for to in $(installed); do \
		name=$${to##*/}; new="$(DESTDIR)$${to%/*}/.$$name.new"; \
		install -D -m 644 "$$(find $$name man/$$name 2>/dev/null)" "$$new"; \
		mv -fT "$$new" "$(DESTDIR)$$to"; echo "$(DESTDIR)$$to"; \
	done # by rename, for what runs has the old object mapped
	@$(cache)

.PHONY: uninstall
uninstall: ## remove what install put there
	@! lines=$$(grep -E '^[^#]*libkeepalive(_listen)?\.so' '$(preload)' \
		2>/dev/null) || { printf '%s\n' 'First delete from $(preload),' \
		'or every program complains when it starts:' "$$lines"; exit 1; }
	rm -f $(installed:%='$(DESTDIR)%')
	[ ! -d '$(DESTDIR)$(docdir)' ] || \
		rmdir --ignore-fail-on-non-empty '$(DESTDIR)$(docdir)'
	@$(cache)

release = libkeepalive-$(shell git show HEAD:common.h | \
	sed -n 's/^.define VERSION "\(.*\)"/\1/p')

.PHONY: dist
dist: ## make a tarball of the last commit
	@git rev-parse --verify -q HEAD >/dev/null || \
		{ echo 'make dist takes a git repository'; exit 1; }
	git -c tar.umask=022 archive -o $(release).tar --prefix=$(release)/ HEAD
	gzip -9fn $(release).tar

.PHONY: test
test: $(objects) $(test_programs) ## run the tests
	test/run

.PHONY: test-programs
test-programs: $(test_programs)

.PHONY: programs
programs: $(objects) test/build/sockets ## run real programs; it writes test/programs/PROGRAMS.md
	test/programs/run

.PHONY: demo
demo: $(objects) test/build/sockets ## show what the library does
	test/demo/run

.PHONY: timeline
timeline: $(objects) ## draw test/demo/timeline.svg from the packets of a run
	@mkdir -p test/build
	test/demo/firewall test/build/packets
	test/demo/timeline <test/build/packets >test/build/timeline.svg
	mv test/build/timeline.svg test/demo

.PHONY: sanitize
sanitize: ## run the tests under sanitizers and valgrind
	test/tools/sanitize

.PHONY: matrix
matrix: ## run the tests on other compilers, C libraries and processors
	test/tools/matrix

.PHONY: fuzz
fuzz: ## read environments that a fuzzer makes up, for half a minute
	test/fuzz/run

.PHONY: coverage
coverage: ## print which lines and branches the tests reach
	test/tools/coverage

.PHONY: mutate
mutate: ## change the sources one by one, and see whether a test notices
	test/tools/mutate

.PHONY: bench
bench: $(objects) $(test_programs) ## measure what the library costs
	test/bench/run

# The floors of what a preloaded object costs: any, and one that sets options.
test/build/bare.so: bare.c Makefile
	@mkdir -p $(@D)
	$(say)$(CC) $(WARNINGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(needed) -o $@ $<

test/build/empty.so: Makefile
	@mkdir -p $(@D)
	$(say)echo 'int nothing(void); EXPORT int nothing(void) { return 0; }' | \
		$(CC) -DEXPORT='__attribute__((visibility("default")))' \
		$(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(needed) -x c -o $@ -

.PHONY: lint
lint: ## check the sources and scripts with every linter
	test/tools/lint

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(objects) test/build libkeepalive-*.tar*

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

# Prints the options for the compiler, or what is wrong with DEFAULTS.
export check_defaults
define check_defaults
function fail(what) {
	print "make: DEFAULTS: " what >"/dev/stderr"
	failed = 1
	exit 1
}
BEGIN { count = split(ENVIRON["DEFAULTS"], wanted) }
/^\t\[[A-Z_]+\] = [{][{]"TCP_/ {
	split($$0, word, /[]["]/)
	setting = word[2]
	name = word[4]
	names = names " " name
}
name && /^\t\t"/ {
	gsub(/DERIVE/, "-1")
	gsub(/INT_MAX/, "2147483647")
	split($$0, word, /[", \t]+/)
	for (i = 1; i <= count; i++) {
		if (index(wanted[i], name "=") != 1)
			continue
		if (given[name]++)
			fail(wanted[i] ": the name stands twice")
		value = substr(wanted[i], length(name) + 2)
		if (value !~ /^(-1|[0-9]+)$$/ || (value != 0 && \
			(value + 0 < word[3] + 0 || value + 0 > word[4] + 0)))
			fail(wanted[i] ": " (word[3] > 0 ? "0 or " : "") \
				word[3] " to " word[4] " " word[2] " are allowed")
		initial = initial "[" setting "].initial=" value + 0 ","
		text = text " " name "=" value + 0
		known[i] = 1
	}
	name = ""
}
END {
	if (failed)
		exit 1
	for (i = 1; i <= count; i++)
		if (!known[i])
			fail(wanted[i] ": NAME=VALUE are allowed, with a NAME of" names)
	if (text)
		printf "-DDEFAULTS=%s -Wno-override-init -Wno-initializer-overrides " \
			"\"-DDEFAULTS_TEXT=\\\"%s\\\"\"\n", initial, substr(text, 2)
}
endef
