/* SPDX-License-Identifier: ISC */

/*
 * sockets PID...: what the kernel says of the TCP sockets of running programs,
 * a line a socket. pidfd_getfd() duplicates each descriptor, and getsockopt()
 * asks the duplicate: it is the program's own socket, and the program does not
 * notice. Whoever may trace the program may do that.
 *
 * An option that a socket does not have, as MPTCP's lack some, is shown as "-".
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "options.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* By the kernel's numbers, as ss names them. */
static const char *const states[] = {"UNKNOWN", "ESTAB", "SYN-SENT", "SYN-RECV",
	"FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT",
	"LAST-ACK", "LISTEN", "CLOSING"};

static const char *state(int fd)
{
	unsigned char number = 0; /* the first byte of struct tcp_info */
	socklen_t size = sizeof(number);

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &number, &size);
	return states[number < sizeof(states) / sizeof(*states) ? number : 0];
}

/* Which of both TCPs a socket is; NULL where it is none. */
static const char *protocol(int fd)
{
	int type = 0, number = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
		type != SOCK_STREAM ||
		getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &number, &size) != 0)
		return NULL;
	if (number == IPPROTO_MPTCP)
		return "mptcp";
	return number == IPPROTO_TCP ? "tcp" : NULL;
}

/* Prints the address that ask(), getsockname() or getpeername(), tells. */
static void print_address(const char *name,
	int (*ask)(int, struct sockaddr *, socklen_t *), int fd)
{
	struct sockaddr_storage storage = {0};
	struct sockaddr *address = (struct sockaddr *)&storage;
	socklen_t size = sizeof(storage);
	char text[INET6_ADDRSTRLEN];

	if (ask(fd, address, &size) != 0) {
		printf(" %s=-", name);
	} else if (address->sa_family == AF_INET) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;

		inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
		printf(" %s=%s:%d", name, text, ntohs(v4->sin_port));
	} else {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;

		inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
		printf(" %s=[%s]:%d", name, text, ntohs(v6->sin6_port));
	}
}

static void print_socket(const char *pid, const char *number, int fd)
{
	const char *tcp = protocol(fd);

	if (!tcp)
		return;
	printf("pid=%s fd=%s protocol=%s", pid, number, tcp);
	print_address("local", getsockname, fd);
	print_address("peer", getpeername, fd);
	printf(" state=%s", state(fd));
	for (size_t i = 0; i < OPTIONS; i++) {
		int value = 0;
		socklen_t size = sizeof(value);

		if (getsockopt(fd, options[i].level, options[i].number, &value,
			    &size) == 0)
			printf(" %s=%d", options[i].name, value);
		else
			printf(" %s=-", options[i].name);
	}
	putchar('\n');
}

static bool fail(const char *pid, const char *what)
{
	fprintf(stderr, "sockets: %s: %s: %s%s\n", pid, what, strerror(errno),
		errno != EPERM && errno != EACCES
			? ""
			: " (it takes the right to trace it: its user's, or "
			  "root's where kernel.yama.ptrace_scope is not 0)");
	return false;
}

/* Whether the descriptor's link in /proc says that it is a socket. */
static bool is_socket(int directory, const char *number)
{
	char link[sizeof("socket:") - 1] = "";

	return readlinkat(directory, number, link, sizeof(link)) ==
		       sizeof(link) &&
	       memcmp(link, "socket:", sizeof(link)) == 0;
}

/* Returns whether all the process's TCP sockets were printed. */
static bool print_process(const char *pid)
{
	long pidfd = syscall(SYS_pidfd_open, (pid_t)atoi(pid), 0);
	bool complete = true;
	char path[64];
	DIR *directory;

	if (pidfd < 0)
		return fail(pid, "pidfd_open");
	snprintf(path, sizeof(path), "/proc/%d/fd", atoi(pid));
	directory = opendir(path);
	if (!directory) {
		close((int)pidfd);
		return fail(pid, path);
	}
	for (const struct dirent *entry;
		complete && (entry = readdir(directory));) {
		const char *number = entry->d_name;
		long fd;

		if (!is_socket(dirfd(directory), number))
			continue;
		fd = syscall(SYS_pidfd_getfd, (int)pidfd, atoi(number), 0);
		if (fd >= 0) {
			print_socket(pid, number, (int)fd);
			close((int)fd);
		} else if (errno != EBADF) { /* it was closed by now */
			complete = fail(pid, "pidfd_getfd");
		}
	}
	closedir(directory);
	close((int)pidfd);
	return complete;
}

int main(int argc, char *argv[])
{
	bool complete = true;

	if (argc < 2) {
		fprintf(stderr, "usage: sockets PID...\n");
		return 2;
	}
	for (int i = 1; i < argc; i++)
		complete = print_process(argv[i]) && complete;
	return complete ? 0 : 1;
}
