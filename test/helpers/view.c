/* SPDX-License-Identifier: ISC */

/*
 * view SCENE...
 *
 * Prints what a program sees of the calls that the objects hook: what each
 * returns, errno, what became of its arguments, and of the socket as far as the
 * program asked for it. Nothing that differs from run to run is printed, so the
 * same scene with and without the objects prints the same. The scenes are at
 * the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNTOUCHED 12345 /* no errno has this value */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MPTCP 262
#define NONBLOCK_CLOEXEC (SOCK_NONBLOCK | SOCK_CLOEXEC)

static void *nowhere; /* a page that can be neither read nor written */

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in inet;
		struct sockaddr_in6 inet6;
		struct sockaddr_un local;
		char bytes[sizeof(struct sockaddr_un)];
	} is;
	socklen_t length;
};

/* The loopback's, with a port of the kernel's choice. */
static struct address loopback(int family)
{
	struct address own = {.is.any.sa_family = (sa_family_t)family};

	if (family == AF_INET) {
		own.is.inet.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		own.length = sizeof(own.is.inet);
	} else if (family == AF_INET6) {
		own.is.inet6.sin6_addr = in6addr_loopback;
		own.length = sizeof(own.is.inet6);
	} else if (family == AF_UNIX) {
		own.length = offsetof(struct sockaddr_un, sun_path);
	} else {
		own.length = 12;
	}
	return own;
}

static struct address name_of(int fd)
{
	struct address own = {.length = sizeof(own.is)};

	getsockname(fd, &own.is.any, &own.length);
	return own;
}

/* Waits until a socket has something to tell. */
static void settle(int fd, short events)
{
	struct pollfd ready = {.fd = fd, .events = events};

	if (fd >= 0)
		poll(&ready, 1, 5000);
}

static bool is_on_its_way(int result)
{
	return result == 0 || errno == EINPROGRESS;
}

/* ---- printing ---- */

static void print_result(const char *what, long value)
{
	int error = errno;

	if (value < 0)
		printf(" %s=%s", what, strerror(error));
	else
		printf(" %s=ok%s", what,
			error == UNTOUCHED ? "" : " ERRNO CHANGED");
}

/* What a program may ask its socket. */
static void print_socket(int fd)
{
	int error = -1, listens = -1;
	socklen_t size = sizeof(int);
	struct address peer = {.length = sizeof(peer.is)};

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
	printf(" [error %d listens %d flags %x %x peer %d %u]", error, listens,
		(unsigned int)fcntl(fd, F_GETFL),
		(unsigned int)fcntl(fd, F_GETFD),
		getpeername(fd, &peer.is.any, &peer.length), peer.length);
}

/* ---- the calls ---- */

enum how {
	PEER,
	PEER_TWICE,
	NOBODY,
	NULL_0,
	NULL_16,
	UNREADABLE,
	UNSPEC,
	OTHER_FAMILY,
	TOO_SHORT,
	TOO_LONG,
	NEGATIVE,
};

static const char *const hows[] = {"peer", "peer twice", "nobody", "NULL 0",
	"NULL 16", "unreadable", "AF_UNSPEC", "other family", "too short",
	"too long", "negative length"};

static bool peer_is_full; /* its queue: connect() to it never ends */

static void call_connect(int fd, enum how how, const struct address *peer)
{
	struct address to = *peer, same;
	const struct sockaddr *address = &to.is.any;
	int value;
	bool settles;

	switch (how) {
	case PEER:
	case PEER_TWICE:
		break;
	case NOBODY:
		to = loopback(to.is.any.sa_family);
		break;
	case NULL_0:
		address = NULL;
		to.length = 0;
		break;
	case NULL_16:
		address = NULL;
		to.length = 16;
		break;
	case UNREADABLE:
		address = nowhere;
		break;
	case UNSPEC:
		to.is.any.sa_family = AF_UNSPEC;
		break;
	case OTHER_FAMILY:
		to.is.any.sa_family =
			to.is.any.sa_family == AF_INET6 ? AF_INET : AF_INET6;
		to.length = sizeof(to.is.inet);
		break;
	case TOO_SHORT:
		to.length = 1;
		break;
	case TOO_LONG:
		to.length = 4096;
		break;
	case NEGATIVE:
		to.length = (socklen_t)-1;
		break;
	}
	same = to;
	errno = UNTOUCHED;
	value = connect(fd, address, to.length);
	settles = is_on_its_way(value);
	print_result(hows[how], value);
	if (how == PEER_TWICE) {
		if (settles && !peer_is_full)
			settle(fd, POLLOUT);
		errno = UNTOUCHED;
		print_result("again", connect(fd, address, to.length));
	}
	if (memcmp(same.is.bytes, to.is.bytes, sizeof(to.is)) != 0)
		printf(" ARGUMENT CHANGED");
	print_socket(fd);
}

static void call_listen(int fd, int backlog)
{
	int value;

	errno = UNTOUCHED;
	value = listen(fd, backlog);
	printf(" listen(%d)", backlog);
	print_result("", value);
	print_socket(fd);
}

enum { ACCEPT = -2 }; /* in place of accept4()'s flags */

static void call_accept(int fd, void *address, void *length, int flags)
{
	int value;

	errno = UNTOUCHED;
	value = flags == ACCEPT ? accept(fd, address, length)
				: accept4(fd, address, length, flags);
	printf(" accept(%s,%s,%d)",
		!address	     ? "NULL"
		: address == nowhere ? "unwritable"
				     : "there",
		!length		    ? "NULL"
		: length == nowhere ? "unwritable"
				    : "there",
		flags);
	print_result("", value);
	if (address && address != nowhere && length && length != nowhere)
		printf(" family %d length %u",
			((struct sockaddr *)address)->sa_family,
			*(socklen_t *)length);
	if (value >= 0) {
		print_socket(value);
		close(value);
	}
}

static void call_accepts(int fd, int which)
{
	struct address from;
	socklen_t none = 0, negative = (socklen_t)-1;

	memset(&from, 0, sizeof(from));
	from.length = sizeof(from.is);
	switch (which) {
	case 0:
		call_accept(fd, NULL, NULL, ACCEPT);
		break;
	case 1:
		call_accept(fd, &from.is, &from.length, ACCEPT);
		break;
	case 2:
		call_accept(fd, &from.is, NULL, ACCEPT);
		break;
	case 3:
		call_accept(fd, nowhere, &from.length, ACCEPT);
		break;
	case 4:
		call_accept(fd, &from.is, nowhere, ACCEPT);
		break;
	case 5:
		call_accept(fd, &from.is, &none, ACCEPT);
		break;
	case 6:
		call_accept(fd, &from.is, &negative, ACCEPT);
		break;
	case 7:
		call_accept(fd, &from.is, &from.length, 0);
		break;
	case 8:
		call_accept(fd, NULL, NULL, NONBLOCK_CLOEXEC);
		break;
	case 9:
		call_accept(fd, NULL, NULL, 1);
		break;
	default:
		call_accept(fd, NULL, NULL, -1);
	}
}

static void call_setsockopt(int fd, int which)
{
	static const struct {
		int level, option, value;
		socklen_t length;
		bool unreadable;
	} all[] = {
		{SOL_SOCKET, SO_KEEPALIVE, 1, 4, false},
		{SOL_SOCKET, SO_KEEPALIVE, 0, 4, false},
		{SOL_SOCKET, SO_KEEPALIVE, 0, 4, true},
		{SOL_SOCKET, SO_KEEPALIVE, 0, 3, false},
		{SOL_SOCKET, SO_KEEPALIVE, 0, (socklen_t)-1, false},
		{SOL_SOCKET, SO_REUSEADDR, 1, 4, false},
		{SOL_SOCKET, 9999, 1, 4, false},
		{IPPROTO_TCP, TCP_KEEPIDLE, 77, 4, false},
		{IPPROTO_TCP, TCP_KEEPIDLE, 0, 4, false},
		{IPPROTO_TCP, TCP_KEEPIDLE, 77, 4, true},
		{IPPROTO_TCP, TCP_KEEPCNT, 128, 4, false},
		{IPPROTO_TCP, TCP_NODELAY, 1, 4, false},
		{IPPROTO_TCP, 9999, 1, 4, false},
		{9999, TCP_KEEPIDLE, 1, 4, false},
	};
	size_t i = (size_t)which % COUNT(all);
	int value = all[i].value, result;

	errno = UNTOUCHED;
	result = setsockopt(fd, all[i].level, all[i].option,
		all[i].unreadable ? nowhere : &value, all[i].length);
	printf(" setsockopt(%d,%d,%d,%d%s)", all[i].level, all[i].option,
		all[i].value, (int)all[i].length,
		all[i].unreadable ? ",unreadable" : "");
	print_result("", result);
	print_socket(fd);
}

enum { CONNECTS = NEGATIVE + 1, LISTENS = 3, ACCEPTS = 11, SETS = 14 };
enum { CALLS = CONNECTS + LISTENS + ACCEPTS + SETS };

/* The calls by number, so that each can meet a socket of its own. */
static void call(int number, int fd, const struct address *peer)
{
	static const int backlogs[LISTENS] = {0, -1, 1000000};

	if (number < CONNECTS)
		call_connect(fd, (enum how)number, peer);
	else if (number < CONNECTS + LISTENS)
		call_listen(fd, backlogs[number - CONNECTS]);
	else if (number < CONNECTS + LISTENS + ACCEPTS)
		call_accepts(fd, number - CONNECTS - LISTENS);
	else
		call_setsockopt(fd, number - CONNECTS - LISTENS - ACCEPTS);
}

/* ---- scene: every kind of socket that socket() may make ---- */

static void scene_kinds(void)
{
	static const int flags[] = {0, NONBLOCK_CLOEXEC, 1 << 20};
	static const int protocols[] = {0, IPPROTO_ICMP, IPPROTO_TCP,
		IPPROTO_UDP, IPPROTO_RAW, MPTCP, -1};
	struct address none = loopback(AF_UNSPEC);

	for (int family = -1; family <= AF_MAX; family++)
		for (int type = 0; type <= 11; type++)
			for (size_t f = 0; f < COUNT(flags); f++)
				for (size_t p = 0; p < COUNT(protocols); p++) {
					int fd;

					errno = UNTOUCHED;
					fd = socket(family, type | flags[f],
						protocols[p]);
					printf("socket(%d,%d,%d)", family,
						type | flags[f], protocols[p]);
					print_result("", fd);
					if (fd >= 0) {
						print_socket(fd);
						call_connect(
							fd, NULL_16, &none);
						call_connect(
							fd, UNREADABLE, &none);
						call_accept(fd, NULL, NULL, -1);
						call_setsockopt(fd, 2);
						call_connect(fd, UNSPEC, &none);
						close(fd);
					}
					putchar('\n');
				}
}

/* ---- scene: every call on a socket in every state ---- */

static const struct kind {
	const char *name;
	int family, type, protocol;
} kinds[] = {
	{"tcp", AF_INET, SOCK_STREAM, 0},
	{"tcp6", AF_INET6, SOCK_STREAM, 0},
	{"mptcp", AF_INET, SOCK_STREAM, MPTCP},
	{"udp", AF_INET, SOCK_DGRAM, 0},
	{"raw", AF_INET, SOCK_RAW, IPPROTO_TCP},
	{"local stream", AF_UNIX, SOCK_STREAM, 0},
	{"local seqpacket", AF_UNIX, SOCK_SEQPACKET, 0},
	{"local dgram", AF_UNIX, SOCK_DGRAM, 0},
	{"netlink", AF_NETLINK, SOCK_RAW, 0},
	{"packet", AF_PACKET, SOCK_RAW, 0},
};

enum state {
	FRESH,
	BOUND,
	CONNECTING,
	CONNECTED,
	REFUSED,
	SHUT,
	PEER_GONE,
	DISCONNECTED,
	LISTENING,
	LISTENING_FULL,
	LISTENED,
	ACCEPTED,
	STATES,
};

static const char *const states[STATES] = {"fresh", "bound", "connecting",
	"connected", "refused", "shut", "left by its peer", "disconnected",
	"listening", "listening with a connection", "shut listener",
	"accepted"};

/* What a state is made of. */
struct cast {
	int fd, others[4];
	size_t count;
	struct address peer;
};

static int make(struct cast *cast, const struct kind *kind, bool bound)
{
	struct address own = loopback(kind->family);
	int fd = socket(
		kind->family, kind->type | NONBLOCK_CLOEXEC, kind->protocol);

	if (bound)
		(void)bind(fd, &own.is.any, own.length);
	cast->others[cast->count++] = fd;
	return fd;
}

/* A client that connects to the first of the cast; *came where it did. */
static int make_client(struct cast *cast, const struct kind *kind, bool *came)
{
	int fd = make(cast, kind, false);

	*came = is_on_its_way(
		connect(fd, &cast->peer.is.any, cast->peer.length));
	return fd;
}

static void make_state(
	struct cast *cast, const struct kind *kind, enum state state)
{
	int listener, fd = -1;
	struct address none;
	bool came = false;

	cast->count = 0;
	peer_is_full = state == CONNECTING;
	listener = make(cast, kind, true);
	cast->peer = name_of(listener);
	if (state != REFUSED)
		listen(listener, state == CONNECTING ? 0 : 8);
	switch (state) {
	case FRESH:
	case BOUND:
		fd = make(cast, kind, state == BOUND);
		break;
	case CONNECTING:
		make_client(cast, kind, &came);
		if (came)
			settle(listener, POLLIN);
		fd = make_client(cast, kind, &came);
		break;
	case CONNECTED:
	case REFUSED:
	case SHUT:
	case PEER_GONE:
	case DISCONNECTED:
		fd = make_client(cast, kind, &came);
		if (came)
			settle(fd, POLLOUT);
		if (state == SHUT) {
			shutdown(fd, SHUT_RDWR);
		} else if (state == PEER_GONE && came) {
			settle(listener, POLLIN);
			close(accept(listener, NULL, NULL));
			settle(fd, POLLIN);
		} else if (state == DISCONNECTED) {
			none = cast->peer;
			none.is.any.sa_family = AF_UNSPEC;
			(void)connect(fd, &none.is.any, none.length);
		}
		break;
	case LISTENING:
	case LISTENING_FULL:
	case LISTENED:
	case ACCEPTED:
		fd = listener;
		if (state == LISTENING_FULL || state == ACCEPTED) {
			make_client(cast, kind, &came);
			if (came)
				settle(listener, POLLIN);
		}
		if (state == LISTENED)
			shutdown(fd, SHUT_RDWR);
		if (state == ACCEPTED) {
			fd = accept(listener, NULL, NULL);
			cast->others[cast->count++] = fd;
		}
		break;
	case STATES:
		break;
	}
	cast->fd = fd;
}

static bool has_state(const struct kind *kind, enum state state)
{
	bool connects =
		kind->type == SOCK_STREAM || kind->type == SOCK_SEQPACKET;

	if (kind->family == AF_PACKET) /* slow to close */
		return state == FRESH;
	return connects || state == FRESH || state == BOUND ||
	       state == CONNECTED || state == DISCONNECTED || state == SHUT;
}

static void scene_states(void)
{
	for (size_t k = 0; k < COUNT(kinds); k++)
		for (int state = 0; state < STATES; state++)
			for (int number = 0; number < CALLS; number++) {
				struct cast cast;

				if (!has_state(&kinds[k], (enum state)state))
					continue;
				make_state(&cast, &kinds[k], (enum state)state);
				printf("%s %s:", kinds[k].name, states[state]);
				call(number, cast.fd, &cast.peer);
				putchar('\n');
				while (cast.count > 0)
					close(cast.others[--cast.count]);
			}
}

/* What is no socket, or nothing at all. */
static void scene_others(void)
{
	struct address peer = loopback(AF_INET);
	int ends[2];
	const int all[] = {-1, -2, 0x7fffffff, (int)0x80000000, 4095, 4096,
		open("/dev/null", O_RDWR), open("/", O_PATH),
		pipe(ends) == 0 ? ends[0] : -1};

	for (size_t i = 0; i < COUNT(all); i++)
		for (int number = 0; number < CALLS; number++) {
			printf("descriptor %zu:", i);
			call(number, all[i], &peer);
			putchar('\n');
		}
}

/* ---- a round: each call once, silently, and its outcome known ---- */

/* Keeps the line of the first outcome that is not the expected one. */
static void check(int *wrong, int line, int value, int expected_errno)
{
	int error = errno;
	bool as_expected = expected_errno == 0
				   ? value >= 0 && error == UNTOUCHED
				   : value == -1 && error == expected_errno;

	if (!as_expected && *wrong == 0)
		*wrong = line;
}

#define FAILS(call, error)                                                     \
	check(&wrong, __LINE__, (errno = UNTOUCHED, (call)), error)
#define SUCCEEDS(call) FAILS(call, 0)

/* Returns 0, or the line of the first outcome that is another. */
static int play(void)
{
	struct address own = loopback(AF_INET);
	int wrong = 0, listener, client, accepted, value = 1;

	SUCCEEDS(listener = socket(AF_INET, SOCK_STREAM | NONBLOCK_CLOEXEC, 0));
	FAILS(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT);
	SUCCEEDS(bind(listener, &own.is.any, own.length));
	SUCCEEDS(listen(listener, 1));
	FAILS(listen(-1, 1), EBADF);
	own = name_of(listener);
	SUCCEEDS(client = socket(AF_INET, SOCK_STREAM | NONBLOCK_CLOEXEC, 0));
	FAILS(connect(client, NULL, 16), EFAULT);
	FAILS(accept(listener, NULL, NULL), EAGAIN);
	FAILS(connect(client, &own.is.any, own.length), EINPROGRESS);
	settle(listener, POLLIN);
	SUCCEEDS(accepted = accept(listener, NULL, NULL));
	FAILS(accept4(listener, NULL, NULL, SOCK_CLOEXEC), EAGAIN);
	settle(client, POLLOUT);
	SUCCEEDS(connect(client, &own.is.any, own.length));
	FAILS(connect(client, &own.is.any, own.length), EISCONN);
	SUCCEEDS(setsockopt(
		client, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value)));
	SUCCEEDS(setsockopt(
		client, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
	FAILS(setsockopt(client, IPPROTO_TCP, TCP_KEEPIDLE, &value, 1), EINVAL);
	close(accepted);
	close(client);
	close(listener);
	return wrong;
}

static bool any_wrong;

static void print_played(const char *where, int wrong)
{
	any_wrong |= wrong != 0;
	printf("%s: %s %d\n", where, wrong ? "wrong at line" : "as expected",
		wrong);
}

static void scene_round(void)
{
	print_played("a round", play());
}

/* ---- scenes: blocking, signals, cancellation ---- */

static atomic_int caught, caught_wrong;
static atomic_bool handler_plays;

static void handle(int signal_number)
{
	int saved = errno, wrong;

	(void)signal_number;
	if (handler_plays && (wrong = play()) != 0)
		caught_wrong = wrong;
	caught++;
	errno = saved;
}

/* SIGALRM again and again, so that none can come too early. */
static void ring(int flags, int every_us)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = flags};
	struct itimerval timer = {{0, every_us}, {0, every_us}};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* A blocking socket whose next call waits: a listener, or a client. */
static int make_waiting(struct cast *cast, const struct kind *kind, bool client)
{
	make_state(cast, kind, client ? CONNECTING : LISTENING);
	if (client) {
		close(cast->fd);
		cast->fd = socket(kind->family, kind->type, kind->protocol);
		cast->others[cast->count - 1] = cast->fd;
	} else {
		fcntl(cast->fd, F_SETFL, 0);
	}
	return cast->fd;
}

static int wait_in(int fd, int which, const struct address *peer)
{
	if (which == 0)
		return connect(fd, &peer->is.any, peer->length);
	if (which == 1)
		return accept(fd, NULL, NULL);
	return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
}

static const char *const waits[] = {"connect", "accept", "accept4"};

/* Lets a waiting local connect() or accept() go on, after three signals. */
static void *release(void *argument)
{
	const struct cast *cast = argument;
	const struct kind *local = &kinds[5];
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (caught < 3)
		sched_yield();
	if (cast->fd != cast->others[0]) {
		close(accept(cast->others[0], NULL, NULL));
	} else {
		int fd = socket(local->family, local->type, 0);

		(void)connect(fd, &cast->peer.is.any, cast->peer.length);
		close(fd);
	}
	return NULL;
}

static void scene_waits(void)
{
	struct timeval limit = {0, 50000};

	for (size_t k = 0; k < 6; k++)
		for (int which = 0; which < 3; which++) {
			struct cast cast;
			int fd;

			if (kinds[k].type != SOCK_STREAM)
				continue;
			fd = make_waiting(&cast, &kinds[k], which == 0);
			printf("%s %s:", kinds[k].name, waits[which]);
			ring(0, 30000);
			errno = UNTOUCHED;
			print_result("signal", wait_in(fd, which, &cast.peer));
			ring(0, 0);
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
				sizeof(limit));
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
				sizeof(limit));
			/* an MPTCP listener waits without a limit */
			errno = UNTOUCHED;
			if (which == 0 || kinds[k].protocol != MPTCP)
				print_result("limit",
					wait_in(fd, which, &cast.peer));
			putchar('\n');
			while (cast.count > 0)
				close(cast.others[--cast.count]);
		}
	for (int which = 0; which < 3; which++) {
		struct cast cast;
		pthread_t thread;
		int result;

		make_waiting(&cast, &kinds[5], which == 0);
		caught = 0;
		handler_plays = true;
		printf("%s through signals:", waits[which]);
		pthread_create(&thread, NULL, release, &cast);
		ring(SA_RESTART, 10000);
		errno = UNTOUCHED;
		result = wait_in(cast.fd, which, &cast.peer);
		print_result("", result);
		printf(" after three: %d\n", caught >= 3);
		ring(0, 0);
		pthread_join(thread, NULL);
		handler_plays = false;
		if (which > 0)
			close(result);
		while (cast.count > 0)
			close(cast.others[--cast.count]);
	}
	print_played("in the handler", caught_wrong);
}

/* Whatever it allocates with is no place for the handler's calls. */
static void allocate_until_caught(int enough)
{
	void *volatile room[64] = {NULL};

	for (size_t i = 0; caught < enough; i++) {
		free(room[i % COUNT(room)]);
		room[i % COUNT(room)] = malloc(1 + i * 97 % 20000);
	}
	for (size_t i = 0; i < COUNT(room); i++)
		free(room[i]);
}

static void *be_idle(void *unused)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	pause();
	return unused;
}

/*
 * A handler that makes each call, wherever in a call the program is, or in
 * malloc(): once a round, each time a little later, so that a slow machine gets
 * on too.
 */
static void scene_signals(void)
{
	stack_t stack = {.ss_size = 8192};
	pthread_t thread;
	int wrong = 0;
	char *room = mmap(
		NULL, 12288, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(room + 4096, 8192, PROT_READ | PROT_WRITE);
	stack.ss_sp = room + 4096;
	if (sigaltstack(&stack, NULL) != 0)
		perror("sigaltstack");
	caught = 0;
	handler_plays = true;
	pthread_create(&thread, NULL, be_idle, NULL); /* so malloc() locks */
	ring(SA_ONSTACK | SA_RESTART, 0);
	for (int rounds = 0; !wrong && (rounds < 300 || caught < 200);
		rounds++) {
		struct itimerval once = {{0, 0}, {0, 1 + rounds * 7 % 400}};
		int enough = caught + 1;

		setitimer(ITIMER_REAL, &once, NULL);
		if (rounds % 2)
			allocate_until_caught(enough);
		wrong = play();
	}
	ring(0, 0);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	print_played("the program", wrong);
	print_played("its handler", caught_wrong);
}

struct cancelled {
	struct cast cast;
	int which;
	atomic_int thread_id;
	bool cleaned;
};

static void clean(void *argument)
{
	((struct cancelled *)argument)->cleaned = true;
}

static void *be_cancelled(void *argument)
{
	struct cancelled *own = argument;

	pthread_cleanup_push(clean, own);
	own->thread_id = (int)syscall(SYS_gettid);
	wait_in(own->cast.fd, own->which, &own->cast.peer);
	pthread_cleanup_pop(0);
	return NULL;
}

static bool sleeps(int thread_id)
{
	char path[64], text[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", thread_id);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	return strstr(text, ") S ") != NULL;
}

/* None of these is a place where a thread may be cancelled. */
static void *pass_by(void *argument)
{
	atomic_int *passed = argument;
	int value = 1, fd;
	struct address own = loopback(AF_INET);

	pthread_cancel(pthread_self());
	fd = socket(AF_INET, SOCK_STREAM, 0);
	(*passed)++;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value));
	(*passed)++;
	(void)bind(fd, &own.is.any, own.length);
	listen(fd, 1);
	(*passed)++;
	pthread_testcancel();
	(*passed)++;
	return NULL;
}

static void scene_cancel(void)
{
	void *result;
	pthread_t thread;
	atomic_int passed = 0;

	for (int which = 0; which < 3; which++) {
		struct cancelled own = {.which = which};

		make_waiting(&own.cast, &kinds[0], which == 0);
		pthread_create(&thread, NULL, be_cancelled, &own);
		while (own.thread_id == 0 || !sleeps(own.thread_id))
			sched_yield();
		pthread_cancel(thread);
		pthread_join(thread, &result);
		printf("%s: cancelled %d, cleaned %d\n", waits[which],
			result == PTHREAD_CANCELED, own.cleaned);
		while (own.cast.count > 0)
			close(own.cast.others[--own.cast.count]);
	}
	pthread_create(&thread, NULL, pass_by, &passed);
	pthread_join(thread, &result);
	printf("cancelled %d after %d calls\n", result == PTHREAD_CANCELED,
		passed);
}

/* ---- scenes: threads, children ---- */

enum { THREADS = 64, CONNECTIONS = 25 };
static int shared_listener;
static atomic_int failed, opened_kept, accepted_kept;

static bool is_kept(int fd)
{
	int on = 0, idle = 0;
	socklen_t size = sizeof(int);

	getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, &size);
	getsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size);
	return on && idle == 15;
}

static void *open_and_accept(void *argument)
{
	struct address peer = name_of(shared_listener);

	(void)argument;
	for (int i = 0; i < CONNECTIONS; i++) {
		int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		int accepted;

		errno = UNTOUCHED;
		if (connect(client, &peer.is.any, peer.length) != 0 ||
			errno != UNTOUCHED)
			failed++;
		accepted = i % 2 ? accept(shared_listener, NULL, NULL)
				 : accept4(shared_listener, NULL, NULL, 0);
		if (accepted < 0 || errno != UNTOUCHED)
			failed++;
		opened_kept += is_kept(client);
		accepted_kept += is_kept(accepted);
		close(accepted);
		close(client);
	}
	return NULL;
}

static void scene_threads(void)
{
	struct address own = loopback(AF_INET);
	pthread_t threads[THREADS];

	shared_listener = socket(AF_INET, SOCK_STREAM, 0);
	(void)bind(shared_listener, &own.is.any, own.length);
	listen(shared_listener, 2 * THREADS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, open_and_accept, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%d threads: %d failed\n", THREADS, failed);
	close(shared_listener);
}

/* The same, and what the objects did to the connections. */
static void scene_kept(void)
{
	scene_threads();
	printf("kept: %d opened, %d accepted\n", opened_kept, accepted_kept);
}

static int run_child(void *argument)
{
	(void)argument;
	_exit(play() ? 1 : 0);
}

static void print_child(const char *what, pid_t child)
{
	int status = -1;

	waitpid(child, &status, 0);
	printf("%s: %x\n", what, (unsigned int)status);
}

static void scene_children(void)
{
	static char name[] = "view", scene[] = "round";
	char *const arguments[] = {name, scene, NULL};
	char *room = mmap(
		NULL, 12288, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t child;
#ifdef __SANITIZE_THREAD__
	/* It takes each clone() for a fork() and gives the child a new state.
	 */
	int memory = 0;
#else
	int memory = CLONE_VM;
#endif

	fflush(stdout);
	child = fork();
	if (child == 0)
		run_child(NULL);
	print_child("fork", child);

	child = vfork(); /* NOLINT(clang-analyzer-security.*) */
	if (child == 0)
		run_child(NULL); /* NOLINT(clang-analyzer-unix.Vfork) */
	print_child("vfork", child);
	print_played("after vfork", play());

	fflush(stdout);
	if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, arguments,
		    environ) != 0)
		child = -1;
	print_child("posix_spawn", child);

	/* Below the 8 KiB lies a page that no program may touch. */
	mprotect(room + 4096, 8192, PROT_READ | PROT_WRITE);
	child = clone(
		run_child, room + 12288, memory | CLONE_VFORK | SIGCHLD, NULL);
	print_child("clone with 8 KiB", child);
}

/* ---- scenes: descriptors ---- */

/* As close_range() leaves a daemon, and with nothing open at all. */
static void scene_closed(void)
{
	pid_t child;

	fflush(stdout);
	syscall(SYS_close_range, 3, ~0U, 0);
	print_played("close_range from 3", play());
	fflush(stdout);
	child = fork();
	if (child == 0) {
		syscall(SYS_close_range, 0, ~0U, 0);
		run_child(NULL);
	}
	print_child("nothing open", child);
}

static rlim_t descriptors_of_the_machine(void)
{
	unsigned long most = 1024;
	FILE *file = fopen("/proc/sys/fs/nr_open", "re");

	if (file) {
		if (fscanf(file, "%lu", &most) != 1)
			most = 1024;
		fclose(file);
	}
	return most;
}

/* Each call on the highest numbers, and with none free. */
static void scene_full(void)
{
	struct rlimit limit = {
		descriptors_of_the_machine(), descriptors_of_the_machine()};
	struct cast cast;

	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		getrlimit(RLIMIT_NOFILE, &limit);
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (int number = 0; number < CALLS; number++)
		for (int state = FRESH; state < STATES; state++) {
			int high;

			make_state(&cast, &kinds[0], (enum state)state);
			high = dup2(cast.fd, (int)limit.rlim_cur - 1);
			printf("highest, %s:", states[state]);
			call(number, high, &cast.peer);
			putchar('\n');
			close(high);
			while (cast.count > 0)
				close(cast.others[--cast.count]);
		}
	make_state(&cast, &kinds[0], LISTENING_FULL);
	limit.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &limit);
	while (dup(0) >= 0)
		;
	errno = UNTOUCHED;
	printf("full:");
	print_result("socket", socket(AF_INET, SOCK_STREAM, 0));
	call(PEER, cast.others[1], &cast.peer);
	for (int i = 0; i < ACCEPTS; i++)
		call(CONNECTS + LISTENS + i, cast.fd, &cast.peer);
	putchar('\n');
}

/* ---- scenes that change what the next ones meet ---- */

/* From now on a sandbox refuses setsockopt(), and getsockopt() too. */
static void filter(unsigned int second)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, second, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {COUNT(code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("view: seccomp");
		exit(2);
	}
}

static void scene_filter(void)
{
	filter(SYS_setsockopt);
}

static void scene_filter_both(void)
{
	filter(SYS_getsockopt);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenes[] = {
	{"kinds", scene_kinds},
	{"states", scene_states},
	{"others", scene_others},
	{"round", scene_round},
	{"waits", scene_waits},
	{"signals", scene_signals},
	{"cancel", scene_cancel},
	{"threads", scene_threads},
	{"kept", scene_kept},
	{"children", scene_children},
	{"closed", scene_closed},
	{"full", scene_full},
	{"filter", scene_filter},
	{"filter-both", scene_filter_both},
};

int main(int count, char **arguments)
{
	setlocale(LC_ALL, "");
	nowhere =
		mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < count; i++) {
		size_t s = 0;

		while (strcmp(arguments[i], scenes[s].name) != 0)
			if (++s == COUNT(scenes)) {
				fprintf(stderr, "view: no scene %s\n",
					arguments[i]);
				return 2;
			}
		scenes[s].run();
		fflush(stdout);
	}
	return count > 1 ? any_wrong : 2;
}
