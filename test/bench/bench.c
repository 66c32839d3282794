/* SPDX-License-Identifier: ISC */

/*
 * What test/bench/run measures with. "calls" and "starts" take samples of every
 * ENVIRONMENT ("NAME=VALUE NAME=VALUE...", or nothing) in turns, so that what
 * else the machine does meets all of them alike. Each round prints a line: the
 * median of each environment's samples, then that of its page faults.
 *
 * bench calls SECONDS WORK COUNT ENVIRONMENT...
 *	The ns that one call takes, out of COUNT. A process for each environment
 *	makes them when it has its turn; each round has new ones, for where a
 *	process has its memory makes some tenths of a percent. It knows these:
 *	ITSELF	sets the options of libkeepalive's defaults before the call
 *	SOCKETS	holds so many other sockets open
 *	THREADS	makes the calls in so many threads, COUNT in each
 *
 * bench starts SECONDS ENVIRONMENT... -- PROGRAM [ARGUMENT...]
 *	The ns that a program has a processor from its start to its end: on one
 *	that it has for itself, the time that passes.
 *
 * bench work WORK COUNT
 *	The process: makes the calls for each byte that it reads, and writes
 *	what one of them took.
 *
 * bench nothing
 *	A program that does nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MOST_CALLS 1024
#define UNKNOWN 2048 /* from here on listeners are not known by number */
#define MOST_THREADS 64
#define MOST_ENVIRONMENTS 16
#define MOST_VARIABLES 8
#define MOST_ENTRIES 8192 /* of a program's environment */
#define ROUNDS 32
#define MOST_TURNS 4096 /* of a round */

static void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Hands a call's result on, where it is none that says it failed. */
static int good(const char *what, int result)
{
	if (result < 0)
		die(what);
	return result;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* ---- the calls that are measured ---- */

/* What a thread makes its calls with. */
struct hand {
	union {
		struct sockaddr any;
		struct sockaddr_in inet;
		struct sockaddr_un local;
	} peer;
	socklen_t length;
	int listener;
	int kept; /* the socket of those calls that need no new one */
	int fd[MOST_CALLS], accepted[MOST_CALLS];
	double start, end;
};

static bool itself;

/* As a program would that has keepalive of its own. */
static void set_options(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{IPPROTO_TCP, TCP_KEEPIDLE, 15},
		{IPPROTO_TCP, TCP_KEEPINTVL, 15},
		{IPPROTO_TCP, TCP_KEEPCNT, 9},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, 150000},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
	};

	for (size_t i = 0; itself && i < COUNT(options); i++)
		setsockopt(fd, options[i].level, options[i].option,
			&options[i].value, sizeof(options[i].value));
}

static int tcp_socket(void)
{
	return good("socket", socket(AF_INET, SOCK_STREAM, 0));
}

static void bind_to_loopback(int fd)
{
	struct sockaddr_in any_port = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	good("bind", bind(fd, (struct sockaddr *)&any_port, sizeof(any_port)));
}

/* The kept socket's peer is the one that has this descriptor. */
static void meet(struct hand *hand, int fd)
{
	hand->length = sizeof(hand->peer);
	good("getsockname", getsockname(fd, &hand->peer.any, &hand->length));
}

static void keep_none(struct hand *hand)
{
	(void)hand;
}

static void keep_tcp(struct hand *hand)
{
	hand->kept = tcp_socket();
	good("connect", connect(hand->kept, &hand->peer.any, hand->length));
}

static void keep_udp(struct hand *hand)
{
	hand->kept = good("socket", socket(AF_INET, SOCK_DGRAM, 0));
}

static void keep_unix(struct hand *hand)
{
	struct sockaddr local = {.sa_family = AF_UNIX};
	int peer = good("socket", socket(AF_UNIX, SOCK_DGRAM, 0));

	hand->kept = good("socket", socket(AF_UNIX, SOCK_DGRAM, 0));
	good("bind", bind(peer, &local, sizeof(sa_family_t)));
	meet(hand, peer);
}

static void do_nothing(struct hand *hand, int i)
{
	(void)hand;
	(void)i;
}

static void open_tcp(struct hand *hand, int i)
{
	hand->fd[i] = tcp_socket();
}

/* Under a number that has not been a listener's. */
static void open_bound(struct hand *hand, int i)
{
	int fd = tcp_socket();

	hand->fd[i] = good("fcntl", fcntl(fd, F_DUPFD, UNKNOWN));
	close(fd);
	bind_to_loopback(hand->fd[i]);
}

static int call_connect(struct hand *hand, int i)
{
	set_options(hand->fd[i]);
	return connect(hand->fd[i], &hand->peer.any, hand->length);
}

static void open_connected(struct hand *hand, int i)
{
	open_tcp(hand, i);
	good("connect", call_connect(hand, i));
}

static int call_accept(struct hand *hand, int i)
{
	return hand->accepted[i] = accept(hand->listener, NULL, NULL);
}

/* The question whether it listens already is among the calls. */
static int call_listen(struct hand *hand, int i)
{
	int answer;
	socklen_t size = sizeof(answer);

	if (itself)
		getsockopt(
			hand->fd[i], SOL_SOCKET, SO_ACCEPTCONN, &answer, &size);
	set_options(hand->fd[i]);
	return listen(hand->fd[i], 1);
}

static int call_socket(struct hand *hand, int i)
{
	return hand->fd[i] = socket(AF_INET, SOCK_STREAM, 0);
}

/* On TCP it fails, and the network has no part in it. */
static int call_connect_kept(struct hand *hand, int i)
{
	(void)i;
	set_options(hand->kept);
	return connect(hand->kept, &hand->peer.any, hand->length) < 0 &&
			       errno != EISCONN
		       ? -1
		       : 0;
}

static int call_setsockopt(struct hand *hand, int i)
{
	return setsockopt(hand->kept, IPPROTO_TCP, TCP_NODELAY, &i, sizeof(i));
}

/* Each time another value, so that a derived user timeout follows. */
static int call_keepidle(struct hand *hand, int i)
{
	int idle = 100 + i;

	return setsockopt(
		hand->kept, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
}

static void close_one(struct hand *hand, int i)
{
	close(hand->fd[i]);
}

/* By a reset, so that the port is free again. */
static void close_both(struct hand *hand, int i)
{
	struct linger reset = {1, 0};

	setsockopt(hand->fd[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(hand->fd[i]);
	close(hand->accepted[i]);
}

static void close_unaccepted(struct hand *hand, int i)
{
	good("accept", call_accept(hand, i));
	close_both(hand, i);
}

/* What is there for all calls, and before, as and after one is made. */
static const struct work {
	const char *name;
	void (*keep)(struct hand *hand);
	void (*open)(struct hand *hand, int i);
	int (*call)(struct hand *hand, int i);
	void (*close)(struct hand *hand, int i);
} works[] = {
	{"connect", keep_none, open_tcp, call_connect, close_unaccepted},
	{"listen", keep_none, open_bound, call_listen, close_one},
	{"socket", keep_none, do_nothing, call_socket, close_one},
	{"accept", keep_none, open_connected, call_accept, close_both},
	{"connected", keep_tcp, do_nothing, call_connect_kept, do_nothing},
	{"udp", keep_udp, do_nothing, call_connect_kept, do_nothing},
	{"unix", keep_unix, do_nothing, call_connect_kept, do_nothing},
	{"setsockopt", keep_tcp, do_nothing, call_setsockopt, do_nothing},
	{"keepidle", keep_tcp, do_nothing, call_keepidle, do_nothing},
};

/* ---- the process that makes them ---- */

static struct hand hands[MOST_THREADS];
static const struct work *work;
static int count, threads, processors;
static pthread_barrier_t together;

static void make_calls(struct hand *hand)
{
	pthread_barrier_wait(&together); /* for their turn */
	for (int i = 0; i < count; i++)
		work->open(hand, i);
	pthread_barrier_wait(&together);
	hand->start = now();
	for (int i = 0; i < count; i++)
		good(work->name, work->call(hand, i));
	hand->end = now();
	for (int i = 0; i < count; i++)
		work->close(hand, i);
	pthread_barrier_wait(&together);
}

static void *other_thread(void *hand)
{
	for (;;)
		make_calls(hand);
	return NULL;
}

/* The ns of one call, had each processor worked on one at a time. */
static double one_call(void)
{
	double start = hands[0].start, end = hands[0].end;

	for (int i = 1; i < threads; i++) {
		start = hands[i].start < start ? hands[i].start : start;
		end = hands[i].end > end ? hands[i].end : end;
	}
	return (end - start) / count / threads *
	       (threads < processors ? threads : processors);
}

static int number(const char *name, int otherwise)
{
	const char *value = getenv(name);

	return value ? atoi(value) : otherwise;
}

static int work_in_turns(const char *name, int calls)
{
	struct rlimit files;
	pthread_t thread;
	double taken;
	char turn;

	itself = number("ITSELF", 0);
	threads = number("THREADS", 1);
	count = calls;
	processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
	for (size_t i = 0; i < COUNT(works); i++)
		if (strcmp(works[i].name, name) == 0)
			work = &works[i];
	errno = EINVAL;
	if (!work || count > MOST_CALLS || threads > MOST_THREADS)
		die(name);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	pthread_barrier_init(&together, NULL, (unsigned int)threads);
	for (int i = 0; i < threads; i++) {
		hands[i].listener = tcp_socket();
		bind_to_loopback(hands[i].listener);
		good("listen", listen(hands[i].listener, MOST_CALLS));
		meet(&hands[i], hands[i].listener);
	}
	for (int i = number("SOCKETS", 0); i > 0; i--)
		tcp_socket();
	for (int i = 0; i < threads; i++) {
		work->keep(&hands[i]);
		if (i > 0)
			pthread_create(&thread, NULL, other_thread, &hands[i]);
	}
	while (read(STDIN_FILENO, &turn, 1) == 1) {
		make_calls(&hands[0]);
		taken = one_call();
		if (write(STDOUT_FILENO, &taken, sizeof(taken)) < 0)
			die("write");
	}
	return 0;
}

/* ---- turns and rounds ---- */

struct sample {
	double ns, faults;
};

/* What is measured: a program, or where it is NULL the calls of a process. */
static struct environment {
	char *variables[MOST_VARIABLES];
	pid_t process;
	int to, from; /* pipes to it and from it */
} environments[MOST_ENVIRONMENTS];
static int known;
static char **program;
static char *to_work[] = {"bench", "work", NULL, NULL, NULL};

static void take_words(char *words)
{
	struct environment *taken = &environments[known++];
	int i = 0;

	if (known > MOST_ENVIRONMENTS)
		exit(2);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		if (i < MOST_VARIABLES - 1)
			taken->variables[i++] = word;
}

static void start_process(struct environment *of)
{
	int to[2], from[2];

	good("pipe", pipe2(to, O_CLOEXEC));
	good("pipe", pipe2(from, O_CLOEXEC));
	of->process = good("fork", fork());
	if (of->process == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		for (int i = 0; of->variables[i]; i++)
			putenv(of->variables[i]);
		execv("/proc/self/exe", to_work);
		die("exec");
	}
	close(to[0]);
	close(from[1]);
	of->to = to[1];
	of->from = from[0];
}

static void end_process(const struct environment *of)
{
	close(of->to);
	close(of->from);
	good("wait", waitpid(of->process, NULL, 0));
}

static struct sample sample_calls(const struct environment *of)
{
	struct sample sample = {0, 0};

	if (write(of->to, "", 1) != 1 ||
		read(of->from, &sample.ns, sizeof(sample.ns)) !=
			sizeof(sample.ns))
		die("a process has ended");
	return sample;
}

static double ns_of(struct timeval time)
{
	return (double)time.tv_sec * 1e9 + (double)time.tv_usec * 1e3;
}

static struct sample sample_start(const struct environment *of)
{
	static char *all[MOST_ENTRIES];
	struct rusage usage;
	int status, error;
	size_t n = 0;
	pid_t child;

	for (size_t i = 0; of->variables[i]; i++)
		all[n++] = of->variables[i];
	for (size_t i = 0; environ[i]; i++) {
		if (n == COUNT(all) - 1) {
			errno = E2BIG;
			die("the environment");
		}
		all[n++] = environ[i];
	}
	all[n] = NULL;
	error = posix_spawn(&child, program[0], NULL, NULL, program, all);
	if (error) {
		errno = error;
		die(program[0]);
	}
	good("wait", wait4(child, &status, 0, &usage));
	if (status != 0)
		die("the program failed");
	return (struct sample){
		.ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime),
		.faults = (double)usage.ru_minflt,
	};
}

static int by_value(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), by_value);
	return values[n / 2];
}

/* Takes turns until then, and writes a line where to is not NULL. */
static void do_round(double end, FILE *to)
{
	static double ns[MOST_ENVIRONMENTS][MOST_TURNS];
	static double faults[MOST_ENVIRONMENTS][MOST_TURNS];
	size_t turns = 0;

	for (int i = 0; i < known && !program; i++)
		start_process(&environments[i]);
	do {
		for (int i = 0; i < known; i++) {
			/* Nobody is always first. */
			int of = (int)(turns + (size_t)i) % known;
			struct sample sample =
				program ? sample_start(&environments[of])
					: sample_calls(&environments[of]);

			ns[of][turns] = sample.ns;
			faults[of][turns] = sample.faults;
		}
	} while (++turns < MOST_TURNS && now() < end);
	for (int i = 0; i < known && !program; i++)
		end_process(&environments[i]);
	for (int i = 0; to && i < known; i++)
		fprintf(to, "%.2f ", median(ns[i], turns));
	for (int i = 0; to && i < known; i++)
		fprintf(to, "%.0f%c", median(faults[i], turns),
			i + 1 < known ? ' ' : '\n');
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	double start, length;
	FILE *to;

	if (strcmp(what, "nothing") == 0)
		return 0;
	if (strcmp(what, "work") == 0 && argc == 4)
		return work_in_turns(argv[2], atoi(argv[3]));
	if (argc < 5)
		return 2;
	length = atof(argv[2]) * 1e9 / ROUNDS;
	to = fdopen(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), "w");
	if (!to)
		die("standard output");
	if (strcmp(what, "calls") == 0) {
		to_work[2] = argv[3];
		to_work[3] = argv[4];
		for (int i = 5; i < argc; i++)
			take_words(argv[i]);
	} else {
		for (int i = 3; i < argc && !program; i++)
			if (strcmp(argv[i], "--") == 0)
				program = &argv[i + 1];
			else
				take_words(argv[i]);
		/* What the programs say is nobody's affair. */
		dup2(good("open", open("/dev/null", O_WRONLY | O_CLOEXEC)),
			STDOUT_FILENO);
	}
	do_round(now(), NULL); /* for the caches */
	start = now();
	for (int i = 1; i <= ROUNDS; i++)
		do_round(start + i * length, to);
	return fclose(to) == 0 ? 0 : 1;
}
