# libkeepalive: TCP keepalive for unmodified programs
# SPDX-License-Identifier: ISC

objects = libkeepalive.so libkeepalive_listen.so

CFLAGS = -Os -g -fno-plt
WARNINGS = -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wcast-qual

# What the objects cannot do without: it stands behind the user's flags.
takes = $(shell $(CC) -Werror $(1) -c -x c /dev/null -o /dev/null \
	2>/dev/null && echo $(1))
needed := -fPIC -fvisibility=hidden -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 \
	$(call takes,-fcf-protection) $(call takes,-mbranch-protection=standard) \
	-fdebug-prefix-map='$(CURDIR)'=. \
	-shared -nostartfiles -funwind-tables -Wl,-z,relro,-z,now,-z,defs,-z,noexecstack,-z,noseparate-code

.PHONY: all
all: $(objects) ## build both objects (as plain make does)

libkeepalive.so: keepalive.c
libkeepalive_listen.so: keepalive_listen.c
$(objects): common.h Makefile
	$(CC) $(WARNINGS) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(needed) -o $@ \
		$(filter %.c,$^)

# The tests' own programs: for a preloaded constructor, as an object too.
programs = test/build/call test/build/call_early.so test/build/sockets

test/build/%: test/%.c
	@mkdir -p $(@D)
	$(CC) $(WARNINGS) -D_GNU_SOURCE $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $<

test/build/%_early.so: test/%.c
	@mkdir -p $(@D)
	$(CC) $(WARNINGS) -D_GNU_SOURCE $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) \
		-DEARLY -fPIC -shared -o $@ $<

.PHONY: test
test: $(objects) $(programs) ## run the tests
	test/run

.PHONY: lint
lint: ## check the sources and scripts with every linter
	test/lint

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(objects) test/build

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12
