/* SPDX-License-Identifier: ISC */

/*
 * The least that an object does which sets options at socket() time: they are
 * constants, those that test/bench/run gives to the older libraries; no socket
 * is asked, no call told of. Nothing that does more can be expected to be
 * quicker.
 */
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

static __typeof__(&socket) next_socket;
static __typeof__(&setsockopt) next_setsockopt;

__attribute__((constructor)) static void start(void)
{
	next_socket = (__typeof__(&socket))dlsym(RTLD_NEXT, "socket");
	next_setsockopt =
		(__typeof__(&setsockopt))dlsym(RTLD_NEXT, "setsockopt");
}

__attribute__((visibility("default"))) int socket(
	int domain, int type, int protocol)
{
	static const struct {
		int level, number, value;
	} options[] = {
		{IPPROTO_TCP, TCP_KEEPIDLE, 75},
		{IPPROTO_TCP, TCP_KEEPINTVL, 10},
		{IPPROTO_TCP, TCP_KEEPCNT, 5},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
	};
	int fd = next_socket(domain, type, protocol);
	int saved = errno;

	if (domain == AF_INET && type == SOCK_STREAM && protocol == 0)
		for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
			next_setsockopt(fd, options[i].level, options[i].number,
				&options[i].value, sizeof(options[i].value));
	errno = saved;
	return fd;
}
