/* SPDX-License-Identifier: ISC */

/* libkeepalive.so: keepalive on connections that a program opens. */
#define OBJECT "libkeepalive.so"
#define CALLS (AT_SOCKET | AT_CONNECT | AT_CONNECT_LATE)
#include "common.h"

NEXT(connect, (int fd, const struct sockaddr *address, socklen_t length),
	(fd, address, length))
NEXT(socket, (int domain, int type, int protocol), (domain, type, protocol))

__attribute__((constructor)) static void start(void)
{
	look_up(&of_connect);
	look_up(&of_socket);
	look_up(&of_getsockopt);
	look_up(&of_setsockopt);
	read_at_start();
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	struct settings own;
	int saved = errno;
	const struct settings *settings = settings_now(&own);
	struct done done = prepare(settings, fd,
		settings->at_socket ? AT_CONNECT_LATE : AT_CONNECT,
		ALL_SETTINGS);

	tell(settings, &done, OBJECT ": connect(%d): %s", fd, done.verdict);
	errno = saved;
	return next_connect(fd, address, length);
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
	int fd = next_socket(domain, type, protocol);
	struct settings own;
	int saved = errno;
	const struct settings *settings = settings_now(&own);
	struct done done = {.verdict = "left to connect()"};

	if (fd < 0)
		done.verdict = "failed";
	else if (!makes_tcp(domain, type, protocol))
		done.verdict = "not TCP";
	else if (settings->at_socket)
		done = prepare(settings, fd, AT_SOCKET, ALL_SETTINGS);
	tell(settings, &done, OBJECT ": socket(%d, %d, %d) = %d: %s", domain,
		type, protocol, fd, done.verdict);
	errno = saved;
	return fd;
}

static bool is_kept_on(int fd, int setting)
{
	return setting != SYN_COUNT || !listens(fd);
}
