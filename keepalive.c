/* SPDX-License-Identifier: ISC */

/* libkeepalive.so: keepalive on connections that a program opens. */
#define OBJECT "libkeepalive.so"
#define CALLS (AT_SOCKET | AT_CONNECT | AT_CONNECT_LATE)
#include "common.h"

static struct next next_connect = {"connect", NULL};
static struct next next_socket = {"socket", NULL};

__attribute__((constructor)) static void start(void)
{
	look_up(&next_connect);
	look_up(&next_socket);
	start_with("connect()");
}

static void before_connect(int fd)
{
	struct settings own;
	const struct settings *settings = settings_now(&own);
	struct outcome outcome = prepare(settings, fd,
		settings->at_socket ? AT_CONNECT_LATE : AT_CONNECT);

	if (is_debugged(settings))
		write_line(settings, fd, outcome.set,
			OBJECT ": connect(%d): %s", fd,
			verdicts[outcome.verdict]);
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	__typeof__(&connect) next = find(&next_connect);
	int saved = errno;

	before_connect(fd);
	errno = saved;
	return next(fd, address, length);
}

static bool makes_tcp(int domain, int type, int protocol)
{
	return (domain == AF_INET || domain == AF_INET6) &&
	       (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM &&
	       (protocol == 0 || protocol == IPPROTO_TCP ||
		       protocol == IPPROTO_MPTCP);
}

EXPORT int socket(int domain, int type, int protocol)
{
	__typeof__(&socket) next = find(&next_socket);
	int fd = next(domain, type, protocol);
	int saved = errno;
	struct settings own;
	const struct settings *settings = settings_now(&own);
	struct outcome outcome = {LEFT_TO_CONNECT, 0};

	if (fd < 0)
		outcome.verdict = FAILED;
	else if (!makes_tcp(domain, type, protocol))
		outcome.verdict = NOT_TCP;
	else if (settings->at_socket)
		outcome = prepare(settings, fd, AT_SOCKET);
	if (is_debugged(settings))
		write_line(settings, fd, outcome.set,
			OBJECT ": socket(%d, %d, %d) = %d: %s", domain, type,
			protocol, fd, verdicts[outcome.verdict]);
	errno = saved;
	return fd;
}

/* For the reason see TCP_SYNCNT in the table. */
static bool keeps(int fd, int setting)
{
	return setting != SYN_COUNT || !is_listening(fd);
}
