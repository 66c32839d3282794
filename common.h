/* SPDX-License-Identifier: ISC */

/*
 * What both objects share: the settings, the lines that are written about
 * them, reading them, finding the next definition, applying them.
 *
 * Who includes this has defined OBJECT, the object's name, and SETS, what of
 * the settings below it sets; and defines is_kept_on(). All of it runs inside
 * programs that did not ask for it: nothing here allocates, locks or waits, but
 * for dlsym(). Any function may change errno; the hooks put it back.
 */
#undef _FORTIFY_SOURCE /* brings in __*_chk, which musl lacks */
#undef _TIME_BITS      /* 64 renames setsockopt(); both names stand below */

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VERSION "1.0.0"
#define EXPORT __attribute__((visibility("default")))
#define INLINE __attribute__((always_inline)) static inline

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/*
 * Package metadata, by which `readelf -n` and a core dump tell the version.
 * gcc on x86 aligns it to 32 if let, which is no note's alignment.
 */
#define METADATA "{\"name\":\"libkeepalive\",\"version\":\"" VERSION "\"}"
__attribute__((
	used, section(".note.package"), aligned(4))) static const struct {
	unsigned int owner_size, size, type;
	char owner[4], metadata[sizeof(METADATA)];
} note = {4, sizeof(METADATA), 0xcafe1a7e, "FDO", METADATA};

/* ---- the settings ---- */

/* In the order in which their options are set. */
enum {
	IDLE,
	INTERVAL,
	COUNT,
	USER_TIMEOUT,
	SEGMENT_SIZE,
	WINDOW_CLAMP,
	SYN_COUNT,
	DEFER_ACCEPT,
	KEEPALIVE, /* last: the timer starts once, with the right interval */
	SETTINGS,
};

/*
 * What each call sets, a bit for each setting. SYN count stays off listeners,
 * where it would replace tcp_synack_retries. Defer accept stays off clients,
 * where it delays the handshake's last ACK, and off the listeners of others.
 */
#define BIT(setting) (1U << (setting))
#define AT_ACCEPT                                                              \
	(BIT(IDLE) | BIT(INTERVAL) | BIT(COUNT) | BIT(USER_TIMEOUT) |          \
		BIT(WINDOW_CLAMP) | BIT(KEEPALIVE))
#define AT_LISTEN_AGAIN (AT_ACCEPT | BIT(SEGMENT_SIZE)) /* somebody else's */
#define AT_LISTEN (AT_LISTEN_AGAIN | BIT(DEFER_ACCEPT))
#define AT_SOCKET (AT_ACCEPT | BIT(SEGMENT_SIZE))
#define AT_CONNECT_LATE BIT(SYN_COUNT) /* where socket() did the rest */
#define AT_CONNECT (AT_SOCKET | AT_CONNECT_LATE)

enum { THIS_LIBRARY, LIBKEEPALIVE_0_3, LIBDONTDIE, VOCABULARIES };

/* By a bit for each of the older ones. */
static char vocabulary_names[][sizeof("libkeepalive 0.3 and libdontdie")] = {
	"libkeepalive",
	"libkeepalive 0.3",
	"libdontdie",
	"libkeepalive 0.3 and libdontdie",
};

/* A user timeout that lets both mechanisms give up together. */
#define DERIVE (-1)
#define UNSET INT_MIN

/*
 * All else that is known about the settings. 0 is in every range and leaves the
 * option as it is; the rest of a range is the kernel's (do_tcp_setsockopt() in
 * net/ipv4/tcp.c).
 *
 * Names are arrays, for each pointer would be a relocation in every process.
 * Not const, so that there is data in the file for the page that the state is
 * on: where there is none, the loader makes one more system call.
 */
static struct setting {
	char names[VOCABULARIES][24]; /* the first is the option's, too */
	char unit[12];
	signed char min;
	int max;
	signed char initial; /* unless an older library is asked for */
	unsigned char number;
	unsigned short level;
} table[SETTINGS] = {
	/* clang-format off */
	[IDLE] = {{"TCP_KEEPIDLE", "KEEPIDLE", "DD_TCP_KEEPALIVE_TIME"},
		"s", 0, 32767, 15, TCP_KEEPIDLE, IPPROTO_TCP},
	[INTERVAL] = {{"TCP_KEEPINTVL", "KEEPINTVL", "DD_TCP_KEEPALIVE_INTVL"},
		"s", 0, 32767, 15, TCP_KEEPINTVL, IPPROTO_TCP},
	[COUNT] = {{"TCP_KEEPCNT", "KEEPCNT", "DD_TCP_KEEPALIVE_PROBES"},
		"probes", 0, 127, 9, TCP_KEEPCNT, IPPROTO_TCP},
	[USER_TIMEOUT] = {{"TCP_USER_TIMEOUT"},
		"ms", DERIVE, INT_MAX, DERIVE, TCP_USER_TIMEOUT, IPPROTO_TCP},
	[SEGMENT_SIZE] = {{"TCP_MAXSEG"},
		"bytes", 88, 32767, 0, TCP_MAXSEG, IPPROTO_TCP},
	[WINDOW_CLAMP] = {{"TCP_WINDOW_CLAMP"},
		"bytes", 0, INT_MAX, 0, TCP_WINDOW_CLAMP, IPPROTO_TCP},
	[SYN_COUNT] = {{"TCP_SYNCNT"},
		"retransmits", 0, 127, 0, TCP_SYNCNT, IPPROTO_TCP},
	[DEFER_ACCEPT] = {{"TCP_DEFER_ACCEPT"},
		"s", 0, INT_MAX, 0, TCP_DEFER_ACCEPT, IPPROTO_TCP},
	[KEEPALIVE] = {{"SO_KEEPALIVE"}, /* KEEPALIVE turns it off */
		"", 0, 1, 1, SO_KEEPALIVE, SOL_SOCKET},
	/* clang-format on */
};

/* Where lines go: a descriptor, and the file that it was at start. */
struct output {
	int fd;
	bool is_socket;
	dev_t device;
	ino_t inode;
};
#define NOWHERE (-1)
#define SYSLOG (-2)
#define PRIORITY "<14>" /* the log's: user, informational (RFC 3164) */
#define PRIORITY_LENGTH (sizeof(PRIORITY) - 1)

/* An option to set, and the bit of its setting. */
struct option {
	unsigned int bit;
	unsigned short level;
	unsigned char number;
	int value;
};

/* What the environment asks for. */
struct settings {
	int value[SETTINGS]; /* 0: leave it; all of them when off */
	unsigned int wanted; /* those that are not 0 */
	bool met[VOCABULARIES];
	bool at_socket;
	bool force;
	bool derives_again; /* the user timeout, after the program's changes */
	bool read_at_every_call;
	struct output debug;
	struct option options[SETTINGS + 1]; /* those, then one of level 0 */
};

static const char *name_of(const struct option *option)
{
	return table[__builtin_ctz(option->bit)].names[THIS_LIBRARY];
}

static bool is_off(const struct settings *settings)
{
	return settings->wanted == 0;
}

static bool is_debugged(const struct settings *settings)
{
	return settings->debug.fd != NOWHERE;
}

/* ---- the next definition ---- */

struct next {
	char name[sizeof("__setsockopt64")];
	_Atomic(void *) definition;
};

/* The next definition where there is none. */
static int nobody(void)
{
	errno = ENOSYS;
	return -1;
}

/* Leaves errno alone. */
static void *look_up(struct next *next)
{
	int saved = errno;
	void *found = dlsym(RTLD_NEXT, next->name);

	if (!found)
		found = (void *)nobody;
	atomic_store_explicit(&next->definition, found, memory_order_relaxed);
	errno = saved;
	return found;
}

/*
 * Who defines a name after this object. dlsym() takes the loader's lock, so the
 * constructor does it; only an earlier call does it for itself.
 */
INLINE void *find(struct next *next)
{
	void *found =
		atomic_load_explicit(&next->definition, memory_order_relaxed);

	return found ? found : look_up(next);
}

#define FIND(name)                                                             \
	static struct next of_##name = {#name, NULL};                          \
                                                                               \
	INLINE __typeof__(&name) find_##name(void)                             \
	{                                                                      \
		return (__typeof__(&name))find(&of_##name);                    \
	}

/*
 * Defines next_NAME(), too, which hands a call on. Inline, for no processor
 * foresees a return of ours that comes after a system call.
 */
#define NEXT(name, parameters, arguments)                                      \
	FIND(name)                                                             \
                                                                               \
	INLINE int next_##name parameters                                      \
	{                                                                      \
		return find_##name() arguments;                                \
	}

NEXT(getsockopt,
	(int fd, int level, int number, void *value, socklen_t *length),
	(fd, level, number, value, length))
NEXT(setsockopt,
	(int fd, int level, int number, const void *value, socklen_t length),
	(fd, level, number, value, length))

/*
 * What errno is while an object sets an option of its own accord: the other
 * object's hook then hands the call on, and does not take it for the program's.
 * The value's address makes it this call's mark alone, because a signal handler
 * or an interposer may set options meanwhile. No call leaves such an errno.
 */
INLINE int own_call(const void *value)
{
	return INT_MIN | (int)((uintptr_t)value & INT_MAX);
}

INLINE int set_option(
	__typeof__(&setsockopt) next, int fd, int level, int number, int value)
{
	errno = own_call(&value);
	return next(fd, level, number, &value, sizeof(value));
}

/* ---- what a socket tells ---- */

/* Returns a socket's value of an option, none of which is below 0, or -1. */
static int ask(int fd, int level, int number)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return next_getsockopt(fd, level, number, &value, &size) == 0 ? value
								      : -1;
}

/*
 * Whether a socket is TCP, by its own word: the program's address may not be
 * read. A raw socket of protocol TCP is none.
 */
static bool is_tcp(int fd)
{
	int protocol = ask(fd, SOL_SOCKET, SO_PROTOCOL);

	return protocol == IPPROTO_MPTCP ||
	       (protocol == IPPROTO_TCP &&
		       ask(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
}

/* Whether a socket listens. */
static bool listens(int fd)
{
	return ask(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
}

/* Idle, interval and count: what a user timeout is derived from. */
#define TIMES (COUNT + 1)

static int ask_time(int fd, int setting)
{
	return ask(fd, table[setting].level, table[setting].number);
}

/*
 * Returns the user timeout in ms that ends a connection when its last probe
 * goes unanswered, or DERIVE where one of the three is not known.
 */
static int derive(const int times[TIMES])
{
	long long sum;

	for (int i = 0; i < TIMES; i++)
		if (times[i] <= 0)
			return DERIVE;
	sum = (times[IDLE] + (long long)times[INTERVAL] * times[COUNT]) * 1000;
	return sum < INT_MAX ? (int)sum : INT_MAX;
}

/* The value that was set; one that was derived, the socket tells, if any. */
static int value_set(int fd, const struct option *option)
{
	return option->value == DERIVE && fd >= 0
		       ? ask(fd, option->level, option->number)
		       : option->value;
}

/* ---- lines: none, but for bad values and for debug ---- */

/*
 * What a call has done: a bit for each setting that it set, and perhaps one for
 * a reason, which counts where none is set.
 */
enum { NOT_TCP = SETTINGS, FAILED, LATER, INHERITED, REFUSED };

static char reasons[][sizeof("inherits from listen()")] = {
	"not TCP",
	"failed",
	"left to connect()",
	"inherits from listen()",
	"refused",
};

/* The word for that. Not inline: only debug asks. */
__attribute__((noinline, cold)) static const char *verdict(
	const struct settings *settings, unsigned int done)
{
	if (done & SETS)
		return "set";
	if (done)
		return reasons[__builtin_ctz(done) - SETTINGS];
	return is_off(settings) ? "off" : "nothing to set";
}

/* The file that fd is now: none, of no device, where it is closed. */
static struct output output_to(int fd)
{
	struct output output = {.fd = NOWHERE};
	struct stat file;

	if (fstat(fd, &file) == 0) {
		output.fd = fd;
		output.is_socket = S_ISSOCK(file.st_mode);
		output.device = file.st_dev;
		output.inode = file.st_ino;
	}
	return output;
}

/*
 * Sends a line to the system's log. Not by syslog(), which waits and locks, and
 * keeps a descriptor that the program may close and use for something else; and
 * not by functions that our hooks would see.
 */
static void log_line(const char *line, size_t length)
{
	static const struct {
		sa_family_t family;
		char path[sizeof("/dev/log")];
	} log = {AF_UNIX, "/dev/log"};
	long fd = syscall(SYS_socket, AF_UNIX,
		SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	syscall(SYS_sendto, fd, line, length, MSG_NOSIGNAL, &log, sizeof(log));
	syscall(SYS_close, fd);
}

#ifndef SYS_ppoll
#define SYS_ppoll SYS_ppoll_time64 /* on processors without another */
#endif

/*
 * Whether a descriptor takes a line at once. There is more to say than POLLOUT
 * when a pipe's reader is gone or a socket has an error that is the program's
 * to read, but not of every socket that can no longer send. Not by poll(), in
 * which a thread may be cancelled; newer processors have only ppoll().
 */
static bool can_write(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
#ifdef SYS_poll
	long ready = syscall(SYS_poll, &poll_fd, 1, 0);
#else
	struct timespec at_once = {0, 0};
	long ready = syscall(SYS_ppoll, &poll_fd, 1, &at_once, (void *)NULL, 0);
#endif

	return ready == 1 && poll_fd.revents == POLLOUT;
}

/*
 * Writes a line, the text and then those of the values that were set, or drops
 * it: no program may wait, die of SIGPIPE or find it in a file of its own that
 * has the descriptor's number by now. Not inline, so that it takes no stack
 * where debug is off.
 */
__attribute__((noinline, cold, format(printf, 4, 5))) static void write_line(
	const struct settings *settings, int fd, unsigned int done,
	const char *format, ...)
{
	const struct option *option = settings->options;
	const struct output *to = &settings->debug;
	const void *nothing = NULL;
	struct output now;
	char line[512]; /* the longest takes 350 */
	char *text = line + PRIORITY_LENGTH;
	size_t size = sizeof(line) - PRIORITY_LENGTH;
	size_t length;
	va_list arguments;

	memcpy(line, PRIORITY, PRIORITY_LENGTH);
	va_start(arguments, format);
	length = (size_t)vsnprintf(text, size, format, arguments);
	va_end(arguments);
	for (; option->level; option++)
		if (done & option->bit)
			length += (size_t)snprintf(text + length, size - length,
				" %s=%d", name_of(option),
				value_set(fd, option));
	if (to->fd == SYSLOG) {
		log_line(line, PRIORITY_LENGTH + length);
		return;
	}
	text[length++] = '\n';
	now = output_to(to->fd);
	if (now.device != to->device || now.inode != to->inode)
		return;
	/* write() has no use for the last three. */
	if (can_write(to->fd))
		syscall(now.is_socket ? SYS_sendto : SYS_write, to->fd, text,
			length, MSG_DONTWAIT | MSG_NOSIGNAL, nothing, 0);
}

/* Writes a line where debug is on; where it is off, makes no call. */
#define tell(settings, ...)                                                    \
	(is_debugged(settings) ? write_line(settings, __VA_ARGS__) : (void)0)

/* ---- reading the environment ---- */

/* The variables that are not a setting's number. */
enum { WORDS, USE_KEEPALIVE, DEBUG, DEBUG_LIBDONTDIE, EVALUATE_ONCE, SWITCHES };

static char switches[SWITCHES][sizeof("DD_EVAL_ENVIRONMENT_ONCE")] = {
	[WORDS] = "KEEPALIVE",
	[USE_KEEPALIVE] = "DD_USE_KEEPALIVE",
	[DEBUG] = "LIBKEEPALIVE_DEBUG",
	[DEBUG_LIBDONTDIE] = "DD_DEBUG",
	[EVALUATE_ONCE] = "DD_EVAL_ENVIRONMENT_ONCE",
};

/* What this library's variables are set to; NULL for those that are not set. */
struct environment {
	const char *numbers[SETTINGS][VOCABULARIES];
	const char *switches[SWITCHES];
};

/*
 * Not environ, which a program may define for something else. The C library's
 * own getenv() goes by this name, too.
 */
extern char **environment_entries __asm__("__environ");

/* Returns what follows the beginning of a text; NULL where it begins otherwise.
 */
INLINE const char *behind(const char *text, const char *beginning)
{
	for (; *beginning; text++, beginning++)
		if (*text != *beginning)
			return NULL;
	return text;
}

/*
 * What the names of a vocabulary's variables begin with; the last one is that
 * of LIBKEEPALIVE_DEBUG.
 */
static char beginnings[VOCABULARIES + 1][sizeof("LIBKEEPALIVE_")] = {
	[THIS_LIBRARY] = "TCP_",
	[LIBKEEPALIVE_0_3] = "KEEP",
	[LIBDONTDIE] = "DD_",
	[VOCABULARIES] = "LIBKEEPALIVE_",
};

/* Keeps a variable's value, if the entry has its name and is the first one. */
static void keep_value(const char **value, const char *entry, const char *name)
{
	const char *rest = behind(entry, name);

	if (rest && *rest == '=' && !*value)
		*value = rest + 1;
}

/* A bit for each capital letter. */
INLINE unsigned int letter(char c)
{
	return c >= 'A' && c <= 'Z' ? 1U << (c - 'A') : 0;
}

/* Returns the letters that follow a beginning, which is so long, in the names.
 */
static unsigned int letters_behind(int beginning, size_t length)
{
	unsigned int letters = 0;

	for (int i = 0; i < KEEPALIVE && beginning < VOCABULARIES; i++)
		letters |= letter(table[i].names[beginning][length]);
	for (int i = 0; i < SWITCHES; i++)
		if (*switches[i] == *beginnings[beginning])
			letters |= letter(switches[i][length]);
	return letters;
}

/* Keeps the value of an entry that has one of the beginnings. */
static void keep_entry(
	struct environment *found, const char *entry, int beginning)
{
	for (int i = 0; i < KEEPALIVE && beginning < VOCABULARIES; i++)
		keep_value(&found->numbers[i][beginning], entry,
			table[i].names[beginning]);
	for (int i = 0; i < SWITCHES; i++)
		keep_value(&found->switches[i], entry, switches[i]);
}

/*
 * Goes once over the environment, which may have thousands of entries:
 * Kubernetes sets seven for each service. The beginning and one letter tell
 * most of them apart. In secure-execution mode nothing is set, because whoever
 * starts a set-user-ID program has no say.
 */
static struct environment read_environment(void)
{
	struct environment found = {0};
	unsigned int letters[VOCABULARIES + 1] = {0};
	char **entry = getauxval(AT_SECURE) ? NULL : environment_entries;

	for (; entry && *entry; entry++)
		for (int i = 0; i <= VOCABULARIES; i++) {
			const char *rest;

			if (**entry != *beginnings[i])
				continue;
			rest = behind(*entry, beginnings[i]);
			if (!rest)
				break;
			if (letters[i] == 0)
				letters[i] = letters_behind(
					i, (size_t)(rest - *entry));
			if (letters[i] & letter(*rest))
				keep_entry(&found, *entry, i);
			break;
		}
	return found;
}

/* A variable's value; NULL where it is not set or empty. */
static const char *filled(const char *value)
{
	return value && *value ? value : NULL;
}

/* Whether two texts are the same. */
static bool same(const char *text, const char *expected)
{
	const char *rest = behind(text, expected);

	return rest && !*rest;
}

/* Whether a variable is set to this. */
static bool is(const char *value, const char *expected)
{
	return value && same(value, expected);
}

/* Whether a list of words, or NULL, has this lower-case one in any case. */
static bool has_word(const char *list, const char *word)
{
	while (list && *list) {
		const char *rest = word;

		for (; *rest && (*list | 0x20) == *rest; rest++)
			list++;
		if (!*rest && (!*list || *list == ','))
			return true;
		while (*list && *list++ != ',')
			;
	}
	return false;
}

/* Returns whether text is one of the setting's values, and which. */
static bool parse(const char *text, const struct setting *setting, int *value)
{
	long long number = 0;

	if (same(text, "-1"))
		number = -1;
	else
		for (; *text; text++) {
			if (*text < '0' || *text > '9' || number > INT_MAX)
				return false;
			number = number * 10 + (*text - '0');
		}
	if (number != 0 && (number < setting->min || number > setting->max))
		return false;
	*value = (int)number;
	return true;
}

/* The one thing that is ever said unasked. */
static void report(
	const struct setting *setting, const char *name, const char *value)
{
	const struct settings to_stderr = {.debug = output_to(STDERR_FILENO)};
	char shown[32 * sizeof("\\x00")];
	int length = 0;
	int i;

	for (i = 0; i < 32 && value[i]; i++) {
		unsigned char c = (unsigned char)value[i];
		bool as_it_is = c >= ' ' && c <= '~' && c != '"' && c != '\\';

		length += snprintf(shown + length, sizeof("\\x00"),
			as_it_is ? "%c" : "\\x%02x", c);
	}
	tell(&to_stderr, -1, 0,
		OBJECT ": %s=\"%s%s\" is ignored: %s%d to %d %s are allowed",
		name, shown, value[i] ? "..." : "",
		setting->min > 0 ? "0 or " : "", setting->min, setting->max,
		setting->unit);
}

/* Reads one setting by all its names; the leftmost good one counts. */
static void read_setting(const struct setting *setting,
	const char *const texts[VOCABULARIES], int *value,
	bool met[VOCABULARIES], bool reports)
{
	for (int i = VOCABULARIES - 1; i >= 0; i--) {
		const char *text = filled(texts[i]);

		if (!text)
			continue;
		if (parse(text, setting, value))
			met[i] = true;
		else if (reports)
			report(setting, setting->names[i], text);
	}
}

/* Debug's output, as the environment says at start. */
static struct output debug_output(const struct environment *environment)
{
	const char *value = filled(environment->switches[DEBUG]);
	struct output output = {.fd = NOWHERE};

	if (value ? same(value, "syslog")
		  : is(environment->switches[DEBUG_LIBDONTDIE], "1"))
		output.fd = SYSLOG;
	else if (value)
		output = output_to(
			same(value, "stdout") ? STDOUT_FILENO : STDERR_FILENO);
	return output;
}

/*
 * Reads all settings but debug. An older library's variable, met here or
 * already marked as met, brings that library's behaviour.
 */
static void read_settings(struct settings *settings,
	const struct environment *environment, bool reports)
{
	const char *words = environment->switches[WORDS];
	bool off = has_word(words, "off");
	bool *met = settings->met;
	bool older;
	struct option *next = settings->options;

	if (is(environment->switches[USE_KEEPALIVE], "0"))
		off = met[LIBDONTDIE] = true;
	if (is(environment->switches[DEBUG_LIBDONTDIE], "1"))
		met[LIBDONTDIE] = true;
	if (is(environment->switches[EVALUATE_ONCE], "0"))
		settings->read_at_every_call = met[LIBDONTDIE] = true;

	for (int i = 0; i < SETTINGS; i++) {
		settings->value[i] = UNSET;
		if (SETS & BIT(i))
			read_setting(&table[i], environment->numbers[i],
				&settings->value[i], met, reports && !off);
	}
	older = met[LIBKEEPALIVE_0_3] || met[LIBDONTDIE];
	settings->force = !off && has_word(words, "force");
	for (int i = 0; i < SETTINGS; i++) {
		int *value = &settings->value[i];

		if (off)
			*value = 0;
		else if (*value == UNSET)
			*value = older && i != KEEPALIVE ? 0 : table[i].initial;
		if (*value == DERIVE) {
			settings->derives_again = !settings->force;
			*value = derive(settings->value);
		}
		if (*value != 0) {
			settings->wanted |= BIT(i);
			*next++ = (struct option){BIT(i), table[i].level,
				table[i].number, *value};
		}
	}
	settings->at_socket = older || has_word(words, "socket");
}

/*
 * How much of at_start there is for a call: its debug alone where the rest is
 * read at every call.
 */
enum { NOTHING_YET, ITS_DEBUG, ALL_OF_IT };
static atomic_uchar there_is;

/* Written by the constructor alone, before it says that there is any. */
static struct settings at_start;

/* Reads the settings for one call, and keeps nothing: that takes no lock. */
static const struct settings *read_for_call(struct settings *own)
{
	unsigned char there =
		atomic_load_explicit(&there_is, memory_order_acquire);
	struct environment environment = read_environment();

	/* By now the constructor may have ended, in another thread. */
	*own = (struct settings){
		.met[LIBDONTDIE] = there == ITS_DEBUG,
		.debug = there == NOTHING_YET ? debug_output(&environment)
					      : at_start.debug,
	};
	read_settings(own, &environment, false);
	return own;
}

/*
 * The settings for this call. They are read for it, into the stack of the hook,
 * when the environment says so, or when another library's constructor makes the
 * call before ours has run. A macro, for the room is to last as long as the
 * hook; and not its variable, which would take it in every call.
 */
#define settings_now()                                                         \
	(atomic_load_explicit(&there_is, memory_order_acquire) == ALL_OF_IT    \
			? &at_start                                            \
			: read_for_call(                                       \
				  __builtin_alloca(sizeof(struct settings))))

/* ---- applying the settings ---- */

/*
 * The errors that say which sockets lack an option. Others are told by number:
 * strerror() and %m know their names, but lock for the program's language, at
 * which a signal handler's call could wait for ever.
 */
static struct named_error {
	int number;
	char name[sizeof("Operation not supported")];
} named_errors[] = {
	{ENOPROTOOPT, "Protocol not available"},
	{EOPNOTSUPP, "Operation not supported"},
	{0, "error "},
};

/* Tells that the kernel refused an option, and why. */
static void tell_error(
	const struct settings *settings, const char *name, int value)
{
	const struct named_error *named = named_errors;
	int error = errno;

	while (named->number != 0 && named->number != error)
		named++;
	/* A precision of 0 prints nothing for 0. */
	tell(settings, -1, 0, "libkeepalive:setsockopt(%s, %d): %s%.0d", name,
		value, named->name, error - named->number);
}

/*
 * After an option was refused, returns what is done without it: nothing, if the
 * socket is not TCP. An option that was taken before says that it is. Else it
 * is asked, unless nothing is left to set.
 */
static unsigned int refused(const struct settings *settings, int fd,
	const struct option *option, int value, unsigned int done)
{
	tell_error(settings, name_of(option), value);
	done &= ~option->bit;
	if (done == 0)
		return BIT(REFUSED);
	if (done & (BIT(REFUSED) | (option->bit - 1)))
		return done;
	return is_tcp(fd) ? done | BIT(REFUSED) : BIT(NOT_TCP);
}

/*
 * Does to an option what is not plain: sets one whose value the socket has to
 * tell, and sees to a refusal. Returns what is done then. Not inline, so that
 * what is plain stays short.
 */
__attribute__((noinline)) static unsigned int settle(
	const struct settings *settings, int fd, const struct option *option,
	unsigned int done, __typeof__(&setsockopt) set)
{
	int value = option->value;

	if (value == DERIVE) {
		int times[TIMES];

		for (int i = 0; i < TIMES; i++) {
			times[i] = settings->value[i];
			if (times[i] == 0)
				times[i] = ask_time(fd, i);
			if (times[i] < 0)
				break;
		}
		value = derive(times);
		if (set_option(set, fd, option->level, option->number, value) ==
			0)
			return done;
	}
	return refused(settings, fd, option, value, done);
}

/*
 * Sets on a socket what belongs to a call, each option by itself: a kernel that
 * lacks one, or has none for MPTCP, gets the others. Before SO_KEEPALIVE alone,
 * which every kind of socket takes, it is asked whether it is TCP. Returns what
 * is done: while options are being set, the bits below one's own tell which
 * were taken, those above it which are to come.
 */
static unsigned int prepare(
	const struct settings *settings, int fd, unsigned int at)
{
	__typeof__(&setsockopt) set = find_setsockopt();
	unsigned int done = settings->wanted & at;

	if (done == BIT(KEEPALIVE) && !is_tcp(fd))
		return BIT(NOT_TCP);
	for (const struct option *option = settings->options; option->level;
		option++) {
		if (!(option->bit & at))
			continue;
		if (option->value == DERIVE ||
			set_option(set, fd, option->level, option->number,
				option->value) != 0) {
			done = settle(settings, fd, option, done, set);
			if (done == BIT(NOT_TCP))
				break;
		}
	}
	return done;
}

/*
 * Whether force keeps a setting on this socket: the object's word on those
 * that do not belong on every TCP socket.
 */
static bool is_kept_on(int fd, unsigned int bit);

/*
 * With force, after the program set an option: this library's value again.
 * That a socket took a TCP option says that it is TCP.
 */
static void keep(const struct settings *settings, int fd, int level, int number)
{
	const struct option *option = settings->options;
	unsigned int done;
	int replaced = 0;

	while (option->level &&
		(option->level != level || option->number != number))
		option++;
	if (!option->level || !is_kept_on(fd, option->bit))
		return;
	if (is_debugged(settings))
		replaced = ask(fd, level, number);
	done = prepare(settings, fd, option->bit);
	if (done == option->bit && is_debugged(settings) &&
		value_set(fd, option) != replaced)
		write_line(settings, fd, done,
			OBJECT ": setsockopt(%d): set in place of %d:", fd,
			replaced);
}

/*
 * Before the program sets one of a socket's times: returns the user timeout if
 * that is derived from the times, and stores these; else returns 0. It is asked
 * before, because no question tells afterwards what the program replaced.
 */
static int derived_user_timeout(int fd, int times[TIMES])
{
	int user_timeout = ask(fd, IPPROTO_TCP, TCP_USER_TIMEOUT);

	if (user_timeout <= 0)
		return 0;
	for (int i = 0; i < TIMES; i++)
		times[i] = ask_time(fd, i);
	return derive(times) == user_timeout ? user_timeout : 0;
}

/* After the program set one of the times: the user timeout follows. */
static void follow(const struct settings *settings, int fd, int setting,
	int times[TIMES], int replaced)
{
	int user_timeout;

	times[setting] = ask_time(fd, setting);
	user_timeout = derive(times);
	if (user_timeout == replaced || user_timeout == DERIVE)
		return;
	if (set_option(find_setsockopt(), fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
		    user_timeout) == 0)
		tell(settings, fd, 0,
			OBJECT ": setsockopt(%d): derived in place of %d:"
			       " TCP_USER_TIMEOUT=%d",
			fd, replaced, user_timeout);
	else
		tell_error(settings, table[USER_TIMEOUT].names[THIS_LIBRARY],
			user_timeout);
}

/* Which of the times an option is; TIMES where it is none. */
INLINE int time_of(int level, int number)
{
	int i = 0;

	if (level != IPPROTO_TCP)
		return TIMES;
	while (i < TIMES && table[i].number != number)
		i++;
	return i;
}

/*
 * The program's setsockopt(), whichever name it has. Where this object sees to
 * the user timeout, the other one need not.
 */
INLINE int set_by_program(__typeof__(&setsockopt) next, int fd, int level,
	int number, const void *value, socklen_t length)
{
	int saved = errno, own = own_call(value);
	const struct settings *settings;
	int setting = TIMES, derived = 0, result;
	int times[TIMES];

	if (saved == own)
		return next(fd, level, number, value, length);
	settings = settings_now();
	if (settings->derives_again)
		setting = time_of(level, number);
	if (setting != TIMES)
		derived = derived_user_timeout(fd, times);

	errno = setting == TIMES ? saved : own;
	result = next(fd, level, number, value, length);
	if (errno != own)
		saved = errno;
	if (result == 0 && settings->force)
		keep(settings, fd, level, number);
	if (result == 0 && derived)
		follow(settings, fd, setting, times, derived);
	errno = saved;
	return result;
}

/*
 * By labels of their own, because with 64-bit time the header calls the first
 * one by the second's name.
 */
EXPORT int set_by_name(int fd, int level, int number, const void *value,
	socklen_t length) __asm__("setsockopt");

int set_by_name(
	int fd, int level, int number, const void *value, socklen_t length)
{
	return set_by_program(
		find_setsockopt(), fd, level, number, value, length);
}

/*
 * What 32-bit programs with 64-bit time call. glibc has it where time had 32
 * bits once.
 */
#if defined(__GLIBC__) && __TIMESIZE == 32
#define HAS_SETSOCKOPT64
static struct next of_setsockopt64 = {"__setsockopt64", NULL};

EXPORT int set_by_name64(int fd, int level, int number, const void *value,
	socklen_t length) __asm__("__setsockopt64");

int set_by_name64(
	int fd, int level, int number, const void *value, socklen_t length)
{
	return set_by_program((__typeof__(&setsockopt))find(&of_setsockopt64),
		fd, level, number, value, length);
}
#endif

/* The constructor's part: the settings that hold from now on. */
static void read_at_start(void)
{
	const bool *met = at_start.met;
	const char *time = "connect()";
	int saved = errno;
	struct environment environment = read_environment();

	look_up(&of_getsockopt);
	look_up(&of_setsockopt);
#ifdef HAS_SETSOCKOPT64
	look_up(&of_setsockopt64);
#endif
	at_start.debug = debug_output(&environment);
	read_settings(&at_start, &environment, true);
	atomic_store_explicit(&there_is,
		at_start.read_at_every_call ? ITS_DEBUG : ALL_OF_IT,
		memory_order_release);

	if (SETS & BIT(DEFER_ACCEPT))
		time = "listen()";
	else if (at_start.at_socket)
		time = "socket()";
	tell(&at_start, -1, SETS,
		OBJECT " " VERSION ": %s, vocabulary of %s, at %s%s%s:",
		is_off(&at_start) ? "off" : "on",
		vocabulary_names[met[LIBKEEPALIVE_0_3] + 2 * met[LIBDONTDIE]],
		time, at_start.force ? ", by force" : "",
		at_start.read_at_every_call ? ", read at every call" : "");
	errno = saved;
}
