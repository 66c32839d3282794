/* SPDX-License-Identifier: ISC */

/*
 * Somebody else's preloaded object: it hooks the same calls as the library's
 * objects, writes a letter for each to the descriptor that the variable
 * INTERPOSER names, and hands the call on. With INTERPOSER_SETS it makes a
 * socket of its own when the first option is set, and turns keepalive off
 * there.
 */
#undef _TIME_BITS /* 64 renames setsockopt(), which the objects call */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define INTERPOSE(name, letter, parameters, arguments)                         \
	int name parameters                                                    \
	{                                                                      \
		__typeof__(&name) next =                                       \
			(__typeof__(&name))dlsym(RTLD_NEXT, #name);            \
                                                                               \
		note(letter);                                                  \
		return next arguments;                                         \
	}

static void note(char letter)
{
	const char *to = getenv("INTERPOSER");
	int saved = errno;

	if (to && write(atoi(to), &letter, 1) != 1)
		abort();
	errno = saved;
}

/* Protocols for which it gives a datagram socket, the kernel having none. */
static bool is_emulated(int protocol)
{
	return protocol == IPPROTO_SCTP || protocol == IPPROTO_MPTCP;
}

static void set_its_own(void)
{
	__typeof__(&setsockopt) first =
		(__typeof__(&setsockopt))dlsym(RTLD_DEFAULT, "setsockopt");
	static bool done;
	int off = 0;

	if (done || !getenv("INTERPOSER_SETS"))
		return;
	done = true;
	first(socket(AF_INET, SOCK_STREAM, 0), SOL_SOCKET, SO_KEEPALIVE, &off,
		sizeof(off));
}

/* Takes one from a segment size, where its caller has it, const or not. */
static const void *changed(int level, int option, const void *value)
{
	int *size;

	set_its_own();
	memcpy(&size, &value, sizeof(size));
	if (level == IPPROTO_TCP && option == TCP_MAXSEG)
		--*size;
	return value;
}

INTERPOSE(socket, 's', (int domain, int type, int protocol),
	(domain, is_emulated(protocol) ? SOCK_DGRAM : type,
		is_emulated(protocol) ? 0 : protocol))
INTERPOSE(connect, 'c',
	(int fd, const struct sockaddr *address, socklen_t length),
	(fd, address, length))
INTERPOSE(listen, 'l', (int fd, int backlog), (fd, backlog))
INTERPOSE(accept, 'a', (int fd, struct sockaddr *address, socklen_t *length),
	(fd, address, length))
INTERPOSE(accept4, 'A',
	(int fd, struct sockaddr *address, socklen_t *length, int flags),
	(fd, address, length, flags))
INTERPOSE(getsockopt, 'g',
	(int fd, int level, int option, void *value, socklen_t *length),
	(fd, level, option, value, length))
INTERPOSE(setsockopt, 'o',
	(int fd, int level, int option, const void *value, socklen_t length),
	(fd, level, option, changed(level, option, value), length))
