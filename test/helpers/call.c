/* SPDX-License-Identifier: ISC */

/*
 * call COMMAND [ARGUMENT...] [COMMAND [ARGUMENT...]]...
 *
 * Makes the calls that its arguments name, in their order, and prints what
 * each of them returns, with errno's name where it failed, and "errno changed"
 * where a call that succeeded touched errno. DESCRIPTOR is a name that an
 * earlier command gave to its result, or a number. The commands are at the end.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 0 /* musl has none */
#endif
#define UNTOUCHED 12345 /* no errno has this value */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct word {
	const char *name;
	int value;
};

#define WORD(name) #name, name

static const struct word words[] = {
	{"unix", AF_UNIX},
	{"inet", AF_INET},
	{"inet6", AF_INET6},
	{"netlink", AF_NETLINK},
	{"packet", AF_PACKET},
	{"vsock", AF_VSOCK},
	{"stream", SOCK_STREAM},
	{"dgram", SOCK_DGRAM},
	{"raw", SOCK_RAW},
	{"seqpacket", SOCK_SEQPACKET},
	{"stream+nonblock", SOCK_STREAM | SOCK_NONBLOCK},
	{"stream+cloexec", SOCK_STREAM | SOCK_CLOEXEC},
	{"stream+nonblock+cloexec", SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC},
	{"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP},
	{"icmp", IPPROTO_ICMP},
	{"mptcp", 262},
	{"nonblock", SOCK_NONBLOCK},
	{"cloexec", SOCK_CLOEXEC},
};

/* strerrorname_np() is glibc's alone. */
static const struct word errors[] = {
	{WORD(EACCES)},
	{WORD(EADDRINUSE)},
	{WORD(EAGAIN)},
	{WORD(EBADF)},
	{WORD(EBUSY)},
	{WORD(ECONNREFUSED)},
	{WORD(ECONNRESET)},
	{WORD(EDOM)},
	{WORD(EFAULT)},
	{WORD(EINPROGRESS)},
	{WORD(EINTR)},
	{WORD(EINVAL)},
	{WORD(EISCONN)},
	{WORD(EMFILE)},
	{WORD(ENETDOWN)},
	{WORD(ENOBUFS)},
	{WORD(ENOENT)},
	{WORD(ENOMEM)},
	{WORD(ENOPROTOOPT)},
	{WORD(ENOSYS)},
	{WORD(ENOTCONN)},
	{WORD(ENOTSOCK)},
	{WORD(EOPNOTSUPP)},
	{WORD(EPERM)},
	{WORD(EPIPE)},
	{WORD(ETIMEDOUT)},
};

/* Those that this library does not set, and one that no socket has. */
static const struct named_option other_options[] = {
	{"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY},
	{"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR},
	{"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF},
	{"NO_OPTION", 0, 0},
};

static struct {
	const char *name;
	int fd;
} descriptors[64];

__attribute__((noreturn)) static void die(const char *what, const char *which)
{
	fprintf(stderr, "call: %s: %s\n", what, which);
	exit(2);
}

static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 0);

	if (!*text || *end)
		die("not a number", text);
	return (int)value;
}

static int word(const char *text)
{
	for (size_t i = 0; i < COUNT(words); i++)
		if (strcmp(text, words[i].name) == 0)
			return words[i].value;
	return number(text);
}

static const struct named_option *option(const char *name)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (strcmp(name, options[i].name) == 0)
			return &options[i];
	for (size_t i = 0; i < COUNT(other_options); i++)
		if (strcmp(name, other_options[i].name) == 0)
			return &other_options[i];
	die("no such option", name);
}

static int descriptor(const char *name)
{
	for (size_t i = 0; i < COUNT(descriptors); i++)
		if (descriptors[i].name &&
			strcmp(name, descriptors[i].name) == 0)
			return descriptors[i].fd;
	return number(name);
}

static void name_descriptor(const char *name, int fd)
{
	for (size_t i = 0; i < COUNT(descriptors); i++)
		if (!descriptors[i].name ||
			strcmp(name, descriptors[i].name) == 0) {
			descriptors[i].name = name;
			descriptors[i].fd = fd;
			return;
		}
	die("too many descriptors", name);
}

static const char *error_name(int error)
{
	for (size_t i = 0; i < COUNT(errors); i++)
		if (errors[i].value == error)
			return errors[i].name;
	return strerror(error);
}

/* Prints what a call returned; what errno is belongs to the call. */
static void result(const char *call, int value)
{
	int error = errno;

	if (value < 0)
		printf("%s = %d %s\n", call, value, error_name(error));
	else
		printf("%s = %d%s\n", call, value,
			error == UNTOUCHED ? "" : " errno changed");
}

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in inet;
		struct sockaddr_in6 inet6;
		struct sockaddr_un local;
	} is;
	socklen_t length;
};

/* 127.0.0.1:80, [::1]:80, /path, @abstract, or a descriptor's own address. */
static struct address address(const char *text)
{
	struct address to = {0};
	char host[64] = "";
	unsigned int port = 0;

	if (*text == '/' || *text == '@') {
		to.is.local.sun_family = AF_UNIX;
		snprintf(to.is.local.sun_path, sizeof(to.is.local.sun_path),
			"%s", text);
		to.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					strlen(text) + (*text == '/'));
		if (*text == '@')
			to.is.local.sun_path[0] = '\0';
	} else if (sscanf(text, "[%63[^]]]:%u", host, &port) == 2) {
		to.is.inet6.sin6_family = AF_INET6;
		to.is.inet6.sin6_port = htons((uint16_t)port);
		to.length = sizeof(to.is.inet6);
		if (inet_pton(AF_INET6, host, &to.is.inet6.sin6_addr) != 1)
			die("not an address", text);
	} else if (sscanf(text, "%63[0-9.]:%u", host, &port) == 2) {
		to.is.inet.sin_family = AF_INET;
		to.is.inet.sin_port = htons((uint16_t)port);
		to.length = sizeof(to.is.inet);
		if (inet_pton(AF_INET, host, &to.is.inet.sin_addr) != 1)
			die("not an address", text);
	} else {
		to.length = sizeof(to.is);
		if (getsockname(descriptor(text), &to.is.any, &to.length) != 0)
			die("no address", text);
	}
	return to;
}

static void do_socket(char **to)
{
	int domain = word(to[1]), type = word(to[2]), protocol = word(to[3]);

	errno = UNTOUCHED;
	int fd = socket(domain, type, protocol);
	result("socket", fd);
	name_descriptor(to[0], fd);
}

static void do_bind(char **to)
{
	struct address local = address(to[1]);

	errno = UNTOUCHED;
	result("bind", bind(descriptor(to[0]), &local.is.any, local.length));
}

static void do_listen(char **to)
{
	int fd = descriptor(to[0]);

	errno = UNTOUCHED;
	result("listen", listen(fd, 16));
}

static void do_connect(char **to)
{
	int fd = descriptor(to[0]);
	struct address peer = address(to[1]);

	errno = UNTOUCHED;
	result("connect", connect(fd, &peer.is.any, peer.length));
}

static void do_accept(char **to)
{
	int listener = descriptor(to[1]);

	errno = UNTOUCHED;
	int fd = accept(listener, NULL, NULL);
	result("accept", fd);
	name_descriptor(to[0], fd);
}

static void do_accept4(char **to)
{
	int listener = descriptor(to[1]), flags = word(to[2]);

	errno = UNTOUCHED;
	int fd = accept4(listener, NULL, NULL, flags);
	result("accept4", fd);
	name_descriptor(to[0], fd);
}

static void do_set(char **to)
{
	const struct named_option *set = option(to[1]);
	int fd = descriptor(to[0]), value = number(to[2]);

	errno = UNTOUCHED;
	result("setsockopt",
		setsockopt(fd, set->level, set->number, &value, sizeof(value)));
}

static void print_option(int fd, const struct named_option *shown)
{
	int value = 0;
	socklen_t size = sizeof(value);

	if (getsockopt(fd, shown->level, shown->number, &value, &size) == 0)
		printf("%s=%d", shown->name, value);
	else
		printf("%s=%s", shown->name, error_name(errno));
}

static void do_get(char **to)
{
	print_option(descriptor(to[0]), option(to[1]));
	putchar('\n');
}

static void do_options(char **to)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		print_option(descriptor(to[0]), &options[i]);
		putchar(i + 1 < OPTIONS ? ' ' : '\n');
	}
}

/* As libkeepalive 0.3's test program shows them. */
static void do_report(char **to)
{
	static const char names[][16] = {
		"TCP_KEEPCNT", "TCP_KEEPIDLE", "TCP_KEEPINTVL"};
	int fd = descriptor(to[0]);
	int value = 0;
	socklen_t size = sizeof(value);

	getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &size);
	printf("SO_KEEPALIVE is %s\n", value ? "ON" : "OFF");
	for (size_t i = 0; value && i < COUNT(names); i++) {
		int shown = 0;

		getsockopt(fd, IPPROTO_TCP, option(names[i])->number, &shown,
			&size);
		printf("%-13s = %d\n", names[i], shown);
	}
}

static void do_port(char **to)
{
	struct address own = address(to[0]);

	printf("port %d\n", ntohs(own.is.inet.sin_port));
}

static void do_close(char **to)
{
	close(descriptor(to[0]));
}

static void do_dup(char **to)
{
	name_descriptor(to[0], dup(descriptor(to[1])));
}

static void do_dup2(char **to)
{
	name_descriptor(to[0], dup2(descriptor(to[1]), number(to[2])));
}

static void do_open(char **to)
{
	name_descriptor(to[0],
		open(to[1], O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

static void do_pair(char **to)
{
	int both[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) != 0)
		die("socketpair", strerror(errno));
	name_descriptor(to[0], both[0]);
	name_descriptor(to[1], both[1]);
}

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static void do_pass(char **to)
{
	int passed = descriptor(to[0]);
	char byte = 'x';
	struct iovec data = {&byte, 1};
	union control control = {.header = {
					 .cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS,
				 }};
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
	if (sendmsg(descriptor(to[1]), &message, 0) != 1)
		die("sendmsg", strerror(errno));
}

static void do_take(char **to)
{
	int taken;
	char byte;
	struct iovec data = {&byte, 1};
	union control control;
	struct msghdr message = {.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	if (recvmsg(descriptor(to[1]), &message, 0) != 1 ||
		control.header.cmsg_type != SCM_RIGHTS)
		die("recvmsg", strerror(errno));
	memcpy(&taken, CMSG_DATA(&control.header), sizeof(taken));
	name_descriptor(to[0], taken);
}

static void do_write(char **to)
{
	errno = UNTOUCHED;
	result("write", (int)write(descriptor(to[0]), to[1], strlen(to[1])));
}

/* Waits for as long as it takes; prints what came, or how it ended. */
static void do_read(char **to)
{
	struct pollfd readable = {.fd = descriptor(to[0]), .events = POLLIN};
	char text[256];
	ssize_t length;

	poll(&readable, 1, -1);
	length = read(readable.fd, text, sizeof(text) - 1);
	if (length < 0)
		printf("read = -1 %s\n", error_name(errno));
	else
		printf("read = %zd %.*s\n", length, (int)length, text);
}

static void do_setenv(char **to)
{
	setenv(to[0], to[1], 1);
}

static void do_unsetenv(char **to)
{
	unsetenv(to[0]);
}

static void do_clearenv(char **to)
{
	(void)to;
	clearenv();
}

static void do_noenviron(char **to)
{
	(void)to;
	environ = NULL;
}

/* Behind the others, whatever it is and whether its name is there already. */
static void do_entry(char **to)
{
	size_t count = 0;
	char **entries;

	while (environ && environ[count])
		count++;
	entries = calloc(count + 2, sizeof(*entries));
	if (!entries)
		die("calloc", strerror(errno));
	if (count > 0)
		memcpy(entries, environ, count * sizeof(*entries));
	entries[count] = to[0];
	environ = entries;
}

/* A constructor of the file's then makes the calls of the variable EARLY. */
static void do_dlopen(char **to)
{
	int flags = strcmp(to[1], "deepbind") == 0 ? RTLD_DEEPBIND : 0;

	if (!dlopen(to[0], RTLD_NOW | flags))
		die("dlopen", dlerror());
}

static char **at_exit, **at_the_end;

/* The rest of the command line is for a handler of exit(). */
static void do_atexit(char **to)
{
	at_exit = to;
}

/* The rest of the command line is for a destructor. */
static void do_destructor(char **to)
{
	at_the_end = to;
}

static void do_print(char **to)
{
	puts(to[0]);
}

/* The child goes on with the commands that follow; this process waits. */
static void do_fork(char **to)
{
	int status = 0;
	pid_t child;

	(void)to;
	fflush(stdout);
	child = fork();
	if (child == 0)
		return;
	waitpid(child, &status, 0);
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128);
}

/* The rest of the command line is another program's. */
static void do_exec(char **to)
{
	fflush(stdout);
	execvp(to[0], to);
	die(to[0], strerror(errno));
}

/* Until standard input ends. */
static void do_wait(char **to)
{
	char byte;

	(void)to;
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
}

static const struct {
	const char *name;
	int arguments;
	void (*run)(char **to);
	const char *usage;
} commands[] = {
	{"socket", 4, do_socket, "NAME FAMILY TYPE PROTOCOL"},
	{"bind", 2, do_bind, "DESCRIPTOR ADDRESS"},
	{"listen", 1, do_listen, "DESCRIPTOR"},
	{"connect", 2, do_connect, "DESCRIPTOR ADDRESS|DESCRIPTOR"},
	{"accept", 2, do_accept, "NAME DESCRIPTOR"},
	{"accept4", 3, do_accept4, "NAME DESCRIPTOR FLAGS"},
	{"set", 3, do_set, "DESCRIPTOR OPTION VALUE"},
	{"get", 2, do_get, "DESCRIPTOR OPTION"},
	{"options", 1, do_options, "DESCRIPTOR"},
	{"report", 1, do_report, "DESCRIPTOR"},
	{"port", 1, do_port, "DESCRIPTOR"},
	{"close", 1, do_close, "DESCRIPTOR"},
	{"dup", 2, do_dup, "NAME DESCRIPTOR"},
	{"dup2", 3, do_dup2, "NAME DESCRIPTOR NUMBER"},
	{"open", 2, do_open, "NAME FILE"},
	{"pair", 2, do_pair, "NAME NAME"},
	{"pass", 2, do_pass, "DESCRIPTOR OVER-DESCRIPTOR"},
	{"take", 2, do_take, "NAME FROM-DESCRIPTOR"},
	{"write", 2, do_write, "DESCRIPTOR TEXT"},
	{"read", 1, do_read, "DESCRIPTOR"},
	{"setenv", 2, do_setenv, "VARIABLE VALUE"},
	{"unsetenv", 1, do_unsetenv, "VARIABLE"},
	{"clearenv", 0, do_clearenv, ""},
	{"noenviron", 0, do_noenviron, ""},
	{"entry", 1, do_entry, "ENTRY-OF-THE-ENVIRONMENT"},
	{"dlopen", 2, do_dlopen, "FILE now|deepbind"},
	{"atexit", 0, do_atexit, ""},
	{"destructor", 0, do_destructor, ""},
	{"print", 1, do_print, "TEXT"},
	{"fork", 0, do_fork, ""},
	{"exec", 1, do_exec, "PROGRAM [ARGUMENT...]"},
	{"wait", 0, do_wait, ""},
};

static int run(char **next)
{
	char **last = next;

	while (*last)
		last++;
	while (*next) {
		size_t i = 0;
		char **to = next + 1;

		while (i < COUNT(commands) &&
			strcmp(*next, commands[i].name) != 0)
			i++;
		if (i == COUNT(commands))
			die("no such command", *next);
		next = to + commands[i].arguments;
		if (next > last)
			die("too few arguments", commands[i].name);
		commands[i].run(to);
		fflush(stdout);
		if (to == at_exit || to == at_the_end)
			break;
	}
	return 0;
}

static void exiting(void)
{
	if (at_exit)
		run(at_exit);
}

__attribute__((destructor)) static void ending(void)
{
	if (at_the_end)
		run(at_the_end);
}

#ifdef EARLY
/*
 * As a preloaded object: makes the calls of the variable EARLY, before the
 * program starts, and on glibc before a preloaded library's own constructor.
 */
__attribute__((constructor)) static void early(void)
{
	static char text[1024];
	static char *words_of_text[64];
	size_t count = 0;
	const char *calls = getenv("EARLY");

	if (!calls)
		return;
	snprintf(text, sizeof(text), "%s", calls);
	unsetenv("EARLY");
	for (char *next = strtok(text, " "); next && count + 1 < 64;
		next = strtok(NULL, " "))
		words_of_text[count++] = next;
	words_of_text[count] = NULL;
	atexit(exiting);
	run(words_of_text);
}
#else
int main(int count, char **arguments)
{
	atexit(exiting);
	if (count > 1)
		return run(arguments + 1);
	for (size_t i = 0; i < COUNT(commands); i++)
		printf("%s %s\n", commands[i].name, commands[i].usage);
	return 2;
}
#endif
