/* SPDX-License-Identifier: ISC */

/* libkeepalive.so: keepalive on connections that a program opens. */
#define OBJECT "libkeepalive.so"
#define SETS AT_CONNECT
#include "common.h"

NEXT(connect, (int fd, const struct sockaddr *address, socklen_t length),
	(fd, address, length))
NEXT(socket, (int domain, int type, int protocol), (domain, type, protocol))

__attribute__((constructor)) static void start(void)
{
	look_up(&of_connect);
	look_up(&of_socket);
	read_at_start();
}

EXPORT int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int saved = errno;
	const struct settings *settings = settings_now();
	unsigned int done = prepare(settings, fd,
		settings->at_socket ? AT_CONNECT_LATE : AT_CONNECT);

	tell(settings, fd, done, OBJECT ": connect(%d): %s", fd,
		verdict(settings, done));
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
	int saved = errno;
	const struct settings *settings = settings_now();
	unsigned int done = BIT(LATER);

	if (fd < 0)
		done = BIT(FAILED);
	else if (!makes_tcp(domain, type, protocol))
		done = BIT(NOT_TCP);
	else if (settings->at_socket)
		done = prepare(settings, fd, AT_SOCKET);
	tell(settings, fd, done, OBJECT ": socket(%d, %d, %d) = %d: %s", domain,
		type, protocol, fd, verdict(settings, done));
	errno = saved;
	return fd;
}

static bool is_kept_on(int fd, unsigned int bit)
{
	return bit != BIT(SYN_COUNT) || !listens(fd);
}
