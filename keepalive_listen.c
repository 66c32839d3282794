/* SPDX-License-Identifier: ISC */

/* libkeepalive_listen.so: keepalive on connections that a program accepts. */
#define OBJECT "libkeepalive_listen.so"
#define CALLS (AT_LISTEN | AT_LISTEN_AGAIN | AT_ACCEPT)
#include "common.h"

NEXT(listen, (int fd, int backlog), (fd, backlog))
NEXT(accept, (int fd, struct sockaddr *address, socklen_t *length),
	(fd, address, length))
NEXT(accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags),
	(fd, address, length, flags))

__attribute__((constructor)) static void start(void)
{
	find_listen();
	find_accept();
	find_accept4();
	find_setsockopt();
	read_at_start();
}

/*
 * The listeners that this program made, a bit for each descriptor: what they
 * accept has inherited the options, and costs nothing. Listeners with higher
 * numbers are taken for somebody else's, whose connections are prepared one by
 * one. fork() copies the bits, exec() drops them.
 *
 * Nobody says here when a listener is closed. Its bit then stays, and is wrong
 * only where the program receives somebody else's listener under that very
 * number: to notice, every accept() would have to ask.
 */
#define KNOWN_LISTENERS 4096
static atomic_uint known[KNOWN_LISTENERS / 32];

static bool is_known(int fd)
{
	unsigned int bit = (unsigned int)fd;

	return bit < KNOWN_LISTENERS &&
	       (atomic_load_explicit(&known[bit / 32], memory_order_relaxed) &
		       1U << bit % 32);
}

static void set_known(int fd, bool is_ours)
{
	unsigned int bit = (unsigned int)fd;

	if (bit >= KNOWN_LISTENERS || is_known(fd) == is_ours)
		return;
	if (is_ours)
		atomic_fetch_or_explicit(
			&known[bit / 32], 1U << bit % 32, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&known[bit / 32], ~(1U << bit % 32),
			memory_order_relaxed);
}

static bool is_kept_on(int fd, const struct setting *setting)
{
	return setting != &table[DEFER_ACCEPT] || is_known(fd);
}

EXPORT int listen(int fd, int backlog)
{
	struct settings own;
	int saved = errno;
	const struct settings *settings = settings_now(&own);
	bool ours = !is_off(settings) && (is_known(fd) || !listens(fd));
	struct done done =
		prepare(settings, fd, ours ? AT_LISTEN : AT_LISTEN_AGAIN);
	int result;

	errno = saved;
	result = next_listen(fd, backlog);
	saved = errno;
	if (result == 0)
		set_known(fd, ours);
	tell(settings, done.value, OBJECT ": listen(%d, %d) = %d: %s", fd,
		backlog, result, done.verdict);
	errno = saved;
	return result;
}

/* After accept() and accept4(). */
static void accepted(const char *name, int listener, int fd)
{
	struct settings own;
	int saved = errno;
	const struct settings *settings = settings_now(&own);
	struct done done = {.verdict = "inherits from listen()"};

	if (fd < 0)
		done.verdict = "failed";
	else if (!is_known(listener))
		done = prepare(settings, fd, AT_ACCEPT);
	tell(settings, done.value, OBJECT ": %s(%d) = %d: %s", name, listener,
		fd, done.verdict);
	errno = saved;
}

EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	int connection = next_accept(fd, address, length);

	accepted("accept", fd, connection);
	return connection;
}

EXPORT int accept4(
	int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	int connection = next_accept4(fd, address, length, flags);

	accepted("accept4", fd, connection);
	return connection;
}
