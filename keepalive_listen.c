/* SPDX-License-Identifier: ISC */

/* libkeepalive_listen.so: keepalive on connections that a program accepts. */
#define OBJECT "libkeepalive_listen.so"
#define CALLS (AT_LISTEN | AT_LISTEN_AGAIN | AT_ACCEPT)
#include "common.h"

static struct next next_listen = {"listen", NULL};
static struct next next_accept = {"accept", NULL};
static struct next next_accept4 = {"accept4", NULL};

__attribute__((constructor)) static void start(void)
{
	look_up(&next_listen);
	look_up(&next_accept);
	look_up(&next_accept4);
	start_with("listen()");
}

/*
 * The listeners that this program made, by the numbers of their descriptors.
 * The connections that they accept inherit the options and cost nothing. A
 * listener with a number that does not fit in this table is taken for somebody
 * else's, and its connections are prepared one by one. fork() copies the table,
 * exec() drops it.
 *
 * close() is not hooked, so a closed listener stays in the table. That is wrong
 * only if the program then receives somebody else's listener under the same
 * number. To notice this, every accept() would need one more system call.
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

EXPORT int listen(int fd, int backlog)
{
	__typeof__(&listen) next = find(&next_listen);
	int saved = errno;
	struct settings own;
	const struct settings *settings = settings_now(&own);
	/* A socket that did not listen before becomes a listener of ours. */
	bool is_ours = !settings->off && (is_known(fd) || !is_listening(fd));
	struct outcome outcome =
		prepare(settings, fd, is_ours ? AT_LISTEN : AT_LISTEN_AGAIN);
	int result;

	errno = saved;
	result = next(fd, backlog);
	saved = errno;
	if (result == 0)
		set_known(fd, is_ours);
	if (is_debugged(settings))
		write_line(settings, fd, outcome.set,
			OBJECT ": listen(%d, %d) = %d: %s", fd, backlog, result,
			verdicts[outcome.verdict]);
	errno = saved;
	return result;
}

/*
 * Runs after accept() and accept4(). Prepares the connection if it does not
 * inherit the options. The caller looks the listener up before accept(),
 * because another thread may give its number to another listener meanwhile.
 * Returns the connection. errno survives.
 */
static int accepted(const char *name, int listener, bool inherits, int fd)
{
	int saved = errno;
	struct settings own;
	const struct settings *settings = settings_now(&own);
	struct outcome outcome = {INHERITS, 0};

	if (fd < 0)
		outcome.verdict = FAILED;
	else if (!inherits)
		outcome = prepare(settings, fd, AT_ACCEPT);
	if (is_debugged(settings))
		write_line(settings, fd, outcome.set,
			OBJECT ": %s(%d) = %d: %s", name, listener, fd,
			verdicts[outcome.verdict]);
	errno = saved;
	return fd;
}

/* Returns whether debug is known to be off. */
INLINE bool is_silent(void)
{
	return atomic_load_explicit(&state, memory_order_acquire) !=
		       NOT_STARTED &&
	       !is_debugged(&at_start);
}

/*
 * Where there is nothing to do or say, the next definition returns to the
 * program itself, because a return after a system call is mispredicted.
 */
EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length)
{
	__typeof__(&accept) next = find(&next_accept);
	bool inherits = is_known(fd);

	if (inherits && is_silent())
		return next(fd, address, length);
	return accepted("accept", fd, inherits, next(fd, address, length));
}

EXPORT int accept4(
	int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	__typeof__(&accept4) next = find(&next_accept4);
	bool inherits = is_known(fd);

	if (inherits && is_silent())
		return next(fd, address, length, flags);
	return accepted(
		"accept4", fd, inherits, next(fd, address, length, flags));
}

/* For the reason see TCP_DEFER_ACCEPT in the table. */
static bool keeps(int fd, int setting)
{
	return setting != DEFER_ACCEPT || (is_known(fd) && is_listening(fd));
}
