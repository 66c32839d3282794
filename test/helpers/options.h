/* SPDX-License-Identifier: ISC */

/*
 * The socket options that the helpers show, by their names. Each option of
 * common.h's table has a line here: documents.bats compares the two.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

struct named_option {
	const char *name;
	int level, number;
};

static const struct named_option options[] = {
	{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE},
	{"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE},
	{"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL},
	{"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT},
	{"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
	{"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT},
	{"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT},
	{"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG},
	{"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP},
};
#define OPTIONS (sizeof(options) / sizeof(options[0]))
