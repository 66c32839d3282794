/* SPDX-License-Identifier: ISC */

/* libkeepalive_listen.so: keepalive on connections that a program accepts. */
#define OBJECT "libkeepalive_listen.so"
#define SETS AT_LISTEN
#include "common.h"

NEXT(listen, (int fd, int backlog), (fd, backlog))
FIND(accept)
FIND(accept4)

__attribute__((constructor)) static void start(void)
{
	look_up(&of_listen);
	look_up(&of_accept);
	look_up(&of_accept4);
	read_at_start();
}

/*
 * The listeners that this program made, by their descriptors: what they accept
 * has inherited the options, and costs nothing. Listeners with higher
 * numbers are taken for somebody else's, whose connections are prepared one by
 * one. fork() copies this, exec() drops it.
 *
 * Nobody says here when a listener is closed. It then stays known, which is
 * wrong only where the program receives somebody else's listener under that
 * very number: to notice, every accept() would have to ask.
 */
#define KNOWN_LISTENERS 2048
static atomic_bool known[KNOWN_LISTENERS];

INLINE bool is_known(int fd)
{
	return (unsigned int)fd < KNOWN_LISTENERS &&
	       atomic_load_explicit(&known[fd], memory_order_relaxed);
}

static void set_known(int fd, bool is_ours)
{
	if ((unsigned int)fd < KNOWN_LISTENERS)
		atomic_store_explicit(
			&known[fd], is_ours, memory_order_relaxed);
}

static bool is_kept_on(int fd, unsigned int bit)
{
	return bit != BIT(DEFER_ACCEPT) || (is_known(fd) && listens(fd));
}

EXPORT int listen(int fd, int backlog)
{
	int saved = errno;
	const struct settings *settings = settings_now();
	bool ours = !is_off(settings) && (is_known(fd) || !listens(fd));
	unsigned int done =
		prepare(settings, fd, ours ? AT_LISTEN : AT_LISTEN_AGAIN);
	int result;

	errno = saved;
	result = next_listen(fd, backlog);
	saved = errno;
	if (result == 0)
		set_known(fd, ours);
	tell(settings, fd, done, OBJECT ": listen(%d, %d) = %d: %s", fd,
		backlog, result, verdict(settings, done));
	errno = saved;
	return result;
}

/*
 * After accept() and accept4(). Whether the connection inherits was known
 * before the call: meanwhile the number may have become another listener's.
 * Returns the connection.
 */
static int accepted(const char *name, int listener, bool inherits, int fd)
{
	int saved = errno;
	const struct settings *settings = settings_now();
	unsigned int done = BIT(INHERITED);

	if (fd < 0)
		done = BIT(FAILED);
	else if (!inherits)
		done = prepare(settings, fd, AT_ACCEPT);
	tell(settings, fd, done, OBJECT ": %s(%d) = %d: %s", name, listener, fd,
		verdict(settings, done));
	errno = saved;
	return fd;
}

/* Whether debug is known to be off. */
INLINE bool is_silent(void)
{
	return atomic_load_explicit(&there_is, memory_order_acquire) !=
		       NOTHING_YET &&
	       !is_debugged(&at_start);
}

/*
 * Where there is nothing to do or say, the next definition returns to the
 * program itself: no processor foresees a return of ours after a system call.
 */
EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	__typeof__(&accept) next = find_accept();
	bool inherits = is_known(fd);

	if (inherits && is_silent())
		return next(fd, address, length);
	return accepted("accept", fd, inherits, next(fd, address, length));
}

EXPORT int accept4(
	int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	__typeof__(&accept4) next = find_accept4();
	bool inherits = is_known(fd);

	if (inherits && is_silent())
		return next(fd, address, length, flags);
	return accepted(
		"accept4", fd, inherits, next(fd, address, length, flags));
}
