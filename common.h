/* SPDX-License-Identifier: ISC */

/*
 * What both objects share. A hook is a function of an object that the program
 * calls in place of the C library's function of the same name. The first half
 * follows one such call: the settings, the settings of a call, the next
 * definition, the socket, setting the options, the program's own setsockopt().
 * The second half is the rest: reading the environment, writing lines, the
 * start.
 *
 * The file that includes this one defines:
 * - OBJECT, its name,
 * - CALLS, the calls at which it sets options,
 * - keeps().
 *
 * All of this runs inside programs that did not ask for it. Therefore nothing
 * here allocates memory, locks or waits. Only dlsym() does. Nothing returns an
 * error to the program. A function may change errno unless its comment says
 * otherwise. The hooks restore errno.
 */
#undef _FORTIFY_SOURCE /* it imports __*_chk, which musl lacks */

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

#define EXPORT __attribute__((visibility("default")))
#define INLINE __attribute__((always_inline)) static inline
#define RARE __attribute__((noinline, cold)) static

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* ---- the settings ---- */

/* In the order in which their options are set. */
enum {
	IDLE,
	INTERVAL,
	COUNT,
	TIMES, /* so many settings, called the times, make the user timeout */
	USER_TIMEOUT = TIMES,
	SEGMENT_SIZE,
	WINDOW_CLAMP,
	SYN_COUNT,
	DEFER_ACCEPT,
	KEEPALIVE, /* last: the timer starts once, with the right interval */
	SETTINGS,
};
#define BIT(setting) (1U << (setting))

/* The calls at which options are set, a bit each. */
enum {
	AT_SOCKET = 1,
	AT_CONNECT = 2,
	AT_CONNECT_LATE = 4, /* connect() on a socket that socket() prepared */
	AT_LISTEN = 8,
	AT_LISTEN_AGAIN = 16, /* listen() on another process's listener */
	AT_ACCEPT = 32,	      /* accept() from another process's listener */
};
#define AT_ALL                                                                 \
	(AT_SOCKET | AT_CONNECT | AT_LISTEN | AT_LISTEN_AGAIN | AT_ACCEPT)

/* The older libraries' numbers are bits of "older" in struct settings, too. */
enum { THIS_LIBRARY = 0, LIBKEEPALIVE_0_3 = 1, LIBDONTDIE = 2, VOCABULARIES };

/* The room for a variable's name, by the longest one. */
#define NAME_SIZE sizeof("DD_EVAL_ENVIRONMENT_ONCE")

/*
 * The value of a user timeout that is to be idle + interval * count. The user
 * timeout and the count then end a connection at the same time.
 */
#define DERIVE (-1)

/*
 * All that is known about a setting. The value 0 is always allowed and leaves
 * the option as it is. The range holds for every other value, and is the
 * kernel's: do_tcp_setsockopt() in net/ipv4/tcp.c.
 *
 * Names are arrays, because the loader would have to relocate each pointer in
 * every process. The table is not const, because the loader makes one system
 * call fewer when the object's file has writable data.
 */
static struct setting {
	char names[VOCABULARIES]
		  [NAME_SIZE]; /* the first is the option's, too */
	char unit[12];
	int least, most;
	int initial; /* unless an older library is asked for */
	unsigned char level, number;
	unsigned char calls;
} table[SETTINGS] = {
	/* clang-format off */
	[IDLE] = {{"TCP_KEEPIDLE", "KEEPIDLE", "DD_TCP_KEEPALIVE_TIME"},
		"s", 0, 32767, 15,
		IPPROTO_TCP, TCP_KEEPIDLE, AT_ALL},
	[INTERVAL] = {{"TCP_KEEPINTVL", "KEEPINTVL", "DD_TCP_KEEPALIVE_INTVL"},
		"s", 0, 32767, 15,
		IPPROTO_TCP, TCP_KEEPINTVL, AT_ALL},
	[COUNT] = {{"TCP_KEEPCNT", "KEEPCNT", "DD_TCP_KEEPALIVE_PROBES"},
		"probes", 0, 127, 9,
		IPPROTO_TCP, TCP_KEEPCNT, AT_ALL},
	[USER_TIMEOUT] = {{"TCP_USER_TIMEOUT"},
		"ms", DERIVE, INT_MAX, DERIVE,
		IPPROTO_TCP, TCP_USER_TIMEOUT, AT_ALL},
	/* The handshake has settled it before accept(). */
	[SEGMENT_SIZE] = {{"TCP_MAXSEG"},
		"bytes", 88, 32767, 0,
		IPPROTO_TCP, TCP_MAXSEG, AT_ALL & ~AT_ACCEPT},
	[WINDOW_CLAMP] = {{"TCP_WINDOW_CLAMP"},
		"bytes", 0, INT_MAX, 0,
		IPPROTO_TCP, TCP_WINDOW_CLAMP, AT_ALL},
	/* On a listener it would replace tcp_synack_retries. */
	[SYN_COUNT] = {{"TCP_SYNCNT"},
		"retransmits", 0, 127, 0,
		IPPROTO_TCP, TCP_SYNCNT, AT_CONNECT | AT_CONNECT_LATE},
	/* On a client it would delay the handshake's last ACK. */
	[DEFER_ACCEPT] = {{"TCP_DEFER_ACCEPT"},
		"s", 0, INT_MAX, 0,
		IPPROTO_TCP, TCP_DEFER_ACCEPT, AT_LISTEN},
	[KEEPALIVE] = {{"SO_KEEPALIVE"}, /* the variable KEEPALIVE has words */
		"", 0, 1, 1,
		SOL_SOCKET, SO_KEEPALIVE, AT_ALL},
/* clang-format on */
#ifdef DEFAULTS
	DEFAULTS /* make DEFAULTS=... replaces some of the initial values */
#endif
};

/* An option to set. A list ends with an option of level 0. */
struct option {
	unsigned char setting;
	unsigned char level, number;
	unsigned char calls;
	int value;
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

/* What the environment asks for. */
struct settings {
	struct option options[SETTINGS + 1]; /* none when off */
	int times[TIMES];		     /* 0: the socket's own */
	bool off;
	bool at_socket;
	bool force;
	bool follows; /* a derived user timeout, when the program sets a time */
	bool read_at_every_call;
	unsigned char older; /* libraries whose behaviour is asked for */
	struct output debug;
};

/* What became of a call. */
enum verdict {
	SET,
	NOTHING_TO_SET,
	OFF,
	NOT_TCP,
	REFUSED,
	FAILED,
	LEFT_TO_CONNECT,
	INHERITS,
};

struct outcome {
	enum verdict verdict;
	unsigned int set; /* a bit for each setting that was set */
};

/*
 * The functions are near the end of this file. Check is_debugged() before a
 * call of the two others.
 */
static bool is_debugged(const struct settings *settings);
__attribute__((format(printf, 4, 5))) RARE void write_line(
	const struct settings *settings, int fd, unsigned int set,
	const char *format, ...);
RARE void write_refusal(
	const struct settings *settings, int setting, int value);

/* ---- the settings of a call ---- */

/*
 * How much of at_start may be used. Where the settings are read at every call,
 * it is debug's output alone.
 */
enum { NOT_STARTED, READ_AT_EVERY_CALL, READ_AT_START };
static atomic_uchar state;

/* Only the constructor writes it, before it changes the state. */
static struct settings at_start;

RARE const struct settings *read_for_call(struct settings *own);

/*
 * Returns the settings for this call. They are read for it, when the
 * environment says so, or when another library's constructor makes the call
 * before ours has run.
 */
INLINE const struct settings *settings_now(struct settings *own)
{
	return atomic_load_explicit(&state, memory_order_acquire) ==
			       READ_AT_START
		       ? &at_start
		       : read_for_call(own);
}

/* ---- the next definition ---- */

/*
 * A function as the next object in the loader's order defines it: usually the
 * C library. A hook hands the program's call on to this definition.
 */
struct next {
	char name[sizeof("__setsockopt64")];
	_Atomic(void *) definition;
};

static struct next next_getsockopt = {"getsockopt", NULL};
static struct next next_setsockopt = {"setsockopt", NULL};

/* Stands in for a definition that nobody has. */
static int nobody(void)
{
	errno = ENOSYS;
	return -1;
}

/* Looks the next definition up and returns it. errno survives. */
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
 * Returns the next definition, never NULL. errno survives. dlsym() takes the
 * loader's lock, so the constructor looks all of them up. Only a call before
 * the constructor does it for itself.
 */
INLINE void *find(struct next *next)
{
	void *found =
		atomic_load_explicit(&next->definition, memory_order_relaxed);

	return found ? found : look_up(next);
}

/* ---- the socket ---- */

/* Returns a socket's value of an option, or -1. No option here is below 0. */
static int ask(int fd, int level, int number)
{
	__typeof__(&getsockopt) next = find(&next_getsockopt);
	int value = -1;
	socklen_t size = sizeof(value);

	return next(fd, level, number, &value, &size) == 0 ? value : -1;
}

/*
 * Returns whether a socket is TCP. The socket is asked, because reading the
 * program's address could crash. A raw socket of protocol TCP is not TCP.
 */
RARE bool is_tcp(int fd)
{
	int protocol = ask(fd, SOL_SOCKET, SO_PROTOCOL);

	return protocol == IPPROTO_MPTCP ||
	       (protocol == IPPROTO_TCP &&
		       ask(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
}

/* Returns whether a socket listens. */
static bool is_listening(int fd)
{
	return ask(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
}

/* Returns a socket's idle time, interval or count. */
static int ask_time(int fd, int setting)
{
	return ask(fd, table[setting].level, table[setting].number);
}

/*
 * Returns the user timeout in ms that ends a connection when its last probe
 * goes unanswered; DERIVE where one of the times is not known.
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

/* The same, with the socket's own times in place of those that are 0. */
RARE int derive_on(int fd, const int times[TIMES])
{
	int all[TIMES];

	for (int i = 0; i < TIMES; i++) {
		all[i] = times[i] ? times[i] : ask_time(fd, i);
		if (all[i] < 0)
			return DERIVE;
	}
	return derive(all);
}

/* ---- setting the options ---- */

/*
 * Returns a mark that an object stores in errno while it sets an option of its
 * own accord. The other object's hook sees the mark, hands the call on and does
 * not take it for the program's. The mark contains the address of the value,
 * because a signal handler or another hook may set options meanwhile, and their
 * values have other addresses. No system call leaves such an errno.
 */
INLINE int mark_of(const void *value)
{
	return INT_MIN | (int)((uintptr_t)value & INT_MAX);
}

/* Sets an option to a copy of the value; returns whether it was taken. */
INLINE bool set_option(
	__typeof__(&setsockopt) next, int fd, int level, int number, int value)
{
	errno = mark_of(&value);
	return next(fd, level, number, &value, sizeof(value)) == 0;
}

/*
 * Sets those options of a list that belong to a call. Each option fails by
 * itself: a kernel or an MPTCP socket that lacks one gets the others.
 *
 * A socket that takes a TCP option is TCP. Otherwise the socket is asked for
 * its protocol: before the option after a refused one, and before SO_KEEPALIVE,
 * which every kind of socket takes.
 */
static struct outcome set_options(const struct settings *settings,
	const struct option *option, int fd, unsigned int call)
{
	__typeof__(&setsockopt) next = find(&next_setsockopt);
	struct outcome outcome = {settings->off ? OFF : NOTHING_TO_SET, 0};
	bool is_known_as_tcp = false;

	for (; option->level; option++) {
		int value = option->value;

		if (!(option->calls & call))
			continue;
		if (!is_known_as_tcp && (outcome.verdict == REFUSED ||
						option->setting == KEEPALIVE)) {
			if (!is_tcp(fd))
				return (struct outcome){NOT_TCP, 0};
			is_known_as_tcp = true;
		}
		if (value == DERIVE)
			value = derive_on(fd, settings->times);
		if (set_option(
			    next, fd, option->level, option->number, value)) {
			outcome.set |= BIT(option->setting);
			is_known_as_tcp = true;
		} else {
			outcome.verdict = REFUSED;
			if (is_debugged(settings))
				write_refusal(settings, option->setting, value);
		}
	}
	if (outcome.set)
		outcome.verdict = SET;
	return outcome;
}

/* Sets on a socket what belongs to a call. */
static struct outcome prepare(
	const struct settings *settings, int fd, unsigned int call)
{
	return set_options(settings, settings->options, fd, call);
}

/* ---- the program's own setsockopt() ---- */

/*
 * Returns whether force keeps a setting on this socket. Each object decides
 * this for the settings that do not belong on every TCP socket.
 */
static bool keeps(int fd, int setting);

/*
 * Runs with force after the program has set an option. Sets this library's
 * value again. The socket need not be asked whether it is TCP, because it has
 * just taken the program's TCP option.
 */
static void keep(const struct settings *settings, int fd, int level, int number)
{
	const struct option *option = settings->options;
	struct option alone[2] = {0};
	struct outcome outcome;
	int replaced = -1;

	while (option->level &&
		(option->level != level || option->number != number))
		option++;
	if (!option->level || !keeps(fd, option->setting))
		return;
	if (is_debugged(settings))
		replaced = ask(fd, level, number);
	alone[0] = *option;
	outcome = set_options(settings, alone, fd, option->calls);
	if (outcome.verdict == SET && is_debugged(settings) &&
		ask(fd, level, number) != replaced)
		write_line(settings, fd, outcome.set,
			OBJECT ": setsockopt(%d): set in place of %d:", fd,
			replaced);
}

/* Returns which of the times an option is; TIMES where it is none of them. */
INLINE int time_of(int level, int number)
{
	int setting = number - TCP_KEEPIDLE;

	_Static_assert(TCP_KEEPINTVL == TCP_KEEPIDLE + INTERVAL &&
			       TCP_KEEPCNT == TCP_KEEPIDLE + COUNT,
		"the kernel's numbers follow each other");
	return level == IPPROTO_TCP && setting >= 0 && setting < TIMES ? setting
								       : TIMES;
}

/*
 * Runs before the program sets a time, and stores the socket's times. Returns
 * the socket's user timeout if it is derived from these times, and 0 otherwise.
 * The socket is asked before the call, because the old time is lost afterwards.
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

/* After the program has set a time: lets the user timeout follow. */
static void follow(const struct settings *settings, int fd, int setting,
	int times[TIMES], int replaced)
{
	int user_timeout;

	times[setting] = ask_time(fd, setting);
	user_timeout = derive(times);
	if (user_timeout == replaced || user_timeout == DERIVE)
		return;
	if (!set_option(find(&next_setsockopt), fd, IPPROTO_TCP,
		    TCP_USER_TIMEOUT, user_timeout)) {
		if (is_debugged(settings))
			write_refusal(settings, USER_TIMEOUT, user_timeout);
	} else if (is_debugged(settings)) {
		write_line(settings, fd, 0,
			OBJECT ": setsockopt(%d): derived in place of %d:"
			       " TCP_USER_TIMEOUT=%d",
			fd, replaced, user_timeout);
	}
}

/*
 * Hands the call on. With force, the object's value is set again afterwards.
 * Otherwise a derived user timeout may follow. The object then marks the
 * program's call, so that the other object does not do the same again. With
 * force it does not, because each object has a setting that the other one
 * lacks. Two threads may do this on one socket at once. The manual says what
 * can go wrong then, because only a lock would prevent it.
 */
__attribute__((noinline)) static int set_and_see(__typeof__(&setsockopt) next,
	int fd, int level, int number, const void *value, socklen_t length)
{
	int saved = errno, mark = mark_of(value);
	struct settings own;
	const struct settings *settings;
	int setting = TIMES, derived = 0, result;
	int times[TIMES];

	if (saved == mark)
		return next(fd, level, number, value, length);
	settings = settings_now(&own);
	if (settings->follows)
		setting = time_of(level, number);
	if (setting != TIMES)
		derived = derived_user_timeout(fd, times);

	errno = setting == TIMES ? saved : mark;
	result = next(fd, level, number, value, length);
	if (errno != mark)
		saved = errno;
	if (result == 0 && settings->force)
		keep(settings, fd, level, number);
	if (result == 0 && derived)
		follow(settings, fd, setting, times, derived);
	errno = saved;
	return result;
}

/*
 * Returns whether this object has nothing to do when the program sets this
 * option. Returns false where the settings are not known yet.
 */
INLINE bool is_left_alone(int level, int number)
{
	return atomic_load_explicit(&state, memory_order_acquire) ==
		       READ_AT_START &&
	       !at_start.force &&
	       (!at_start.follows || time_of(level, number) == TIMES);
}

/*
 * The hook, under either name. Where there is nothing to see to, the next
 * definition returns to the program itself by a tail call, because a return
 * after a system call is mispredicted.
 */
INLINE int set_by_program(__typeof__(&setsockopt) next, int fd, int level,
	int number, const void *value, socklen_t length)
{
	if (is_left_alone(level, number))
		return next(fd, level, number, value, length);
	return set_and_see(next, fd, level, number, value, length);
}

/*
 * The labels are explicit, because the C library's header renames setsockopt()
 * where time has 64 bits.
 */
EXPORT int hooked_setsockopt(int fd, int level, int number, const void *value,
	socklen_t length) __asm__("setsockopt");

int hooked_setsockopt(
	int fd, int level, int number, const void *value, socklen_t length)
{
	return set_by_program(
		find(&next_setsockopt), fd, level, number, value, length);
}

/*
 * 32-bit programs with 64-bit time call this name. glibc has it on processors
 * where time had 32 bits once.
 */
#if defined(__GLIBC__) && __TIMESIZE == 32
#define HAS_SETSOCKOPT64
static struct next next_setsockopt64 = {"__setsockopt64", NULL};

EXPORT int hooked_setsockopt64(int fd, int level, int number, const void *value,
	socklen_t length) __asm__("__setsockopt64");

int hooked_setsockopt64(
	int fd, int level, int number, const void *value, socklen_t length)
{
	return set_by_program(
		find(&next_setsockopt64), fd, level, number, value, length);
}
#endif

/* ---- reading the environment ---- */

/* The variables that are not a setting's number; libdontdie's in a row. */
enum { WORDS, USE_KEEPALIVE, DEBUG_LIBDONTDIE, EVALUATE_ONCE, DEBUG, SWITCHES };

static char switches[SWITCHES][NAME_SIZE] = {
	[WORDS] = "KEEPALIVE",
	[USE_KEEPALIVE] = "DD_USE_KEEPALIVE",
	[DEBUG_LIBDONTDIE] = "DD_DEBUG",
	[EVALUATE_ONCE] = "DD_EVAL_ENVIRONMENT_ONCE",
	[DEBUG] = "LIBKEEPALIVE_DEBUG",
};

/*
 * What the names begin with; the longer beginning first. A group has the names
 * of the first settings, as many as "numbers", in one vocabulary, and some of
 * the switches. libdontdie's groups come first, because its users may have the
 * environment read at every call.
 */
#define GROUPS 5
static struct group {
	char beginning[sizeof("DD_TCP_KEEPALIVE_")];
	unsigned char vocabulary, numbers;
	unsigned char first_switch, switches;
} groups[GROUPS] = {
	{"DD_TCP_KEEPALIVE_", LIBDONTDIE, TIMES, 0, 0},
	{"DD_", LIBDONTDIE, 0, USE_KEEPALIVE, 3},
	{"KEEP", LIBKEEPALIVE_0_3, TIMES, WORDS, 1},
	{"TCP_", THIS_LIBRARY, KEEPALIVE, 0, 0},
	{"LIBKEEPALIVE_", THIS_LIBRARY, 0, DEBUG, 1},
};

/*
 * The values of these variables. A number counts only if the vocabulary has the
 * setting's bit in "named". A switch that is not set is NULL.
 */
struct environment {
	unsigned int named[VOCABULARIES];
	const char *numbers[VOCABULARIES][SETTINGS];
	const char *switches[SWITCHES];
};

/*
 * The environment's entries, under the name by which the C library's getenv()
 * knows them. A program may define environ for something else.
 */
extern char **entries __asm__("__environ");

/* Returns what follows a text's beginning; NULL where it begins otherwise. */
INLINE const char *behind(const char *text, const char *beginning)
{
	for (; *beginning; text++, beginning++)
		if (*text != *beginning)
			return NULL;
	return text;
}

/* Returns whether a value, which may be NULL, is the expected one. */
static bool equals(const char *value, const char *expected)
{
	const char *rest = value ? behind(value, expected) : NULL;

	return rest && !*rest;
}

/* Returns the value of an entry that has this name; NULL where it has not. */
INLINE const char *value_in(const char *entry, const char *name)
{
	const char *end = behind(entry, name);

	return end && *end == '=' ? end + 1 : NULL;
}

/*
 * Stores the value of an entry that has a group's beginning. Takes the
 * beginning's length. Of a name that stands twice the first counts.
 */
static void store(struct environment *found, const struct group *group,
	const char *entry, size_t length)
{
	int vocabulary = group->vocabulary;
	int end = group->first_switch + group->switches;
	const char *value;

	for (int i = 0; i < group->numbers; i++) {
		value = value_in(
			entry + length, &table[i].names[vocabulary][length]);
		if (!value)
			continue;
		if (!(found->named[vocabulary] & BIT(i)))
			found->numbers[vocabulary][i] = value;
		found->named[vocabulary] |= BIT(i);
		return;
	}
	for (int i = group->first_switch; i < end; i++) {
		value = value_in(entry + length, &switches[i][length]);
		if (value && !found->switches[i])
			found->switches[i] = value;
	}
}

/* Returns a bit for a character. No two of A to Z, 0 to 9 and _ share one. */
INLINE uint64_t bit_of(char c)
{
	return (uint64_t)1 << (c & 63);
}

/* Returns the letters that come after a group's beginning of this length. */
static uint64_t letters_behind(const struct group *group, size_t length)
{
	int end = group->first_switch + group->switches;
	uint64_t letters = 0;

	for (int i = 0; i < group->numbers; i++)
		letters |= bit_of(table[i].names[group->vocabulary][length]);
	for (int i = group->first_switch; i < end; i++)
		letters |= bit_of(switches[i][length]);
	return letters;
}

/*
 * Stores the value of an entry that may have one of the names. The letters
 * behind each group's beginning are found when they are first needed, and are
 * 0 until then.
 */
INLINE void read_entry(
	struct environment *found, uint64_t letters[GROUPS], const char *entry)
{
	for (int i = 0; i < GROUPS; i++) {
		const char *beginning = groups[i].beginning;
		const char *rest =
			*entry == *beginning ? behind(entry, beginning) : NULL;
		size_t length;

		if (!rest)
			continue;
		length = (size_t)(rest - entry);
		if (!letters[i])
			letters[i] = letters_behind(&groups[i], length);
		if (letters[i] & bit_of(*rest))
			store(found, &groups[i], entry, length);
		return;
	}
}

/*
 * Goes over the environment once; NULL is an empty one. Kubernetes puts seven
 * variables into it for each service, and there may be thousands. The first
 * letter, the beginning and the letter behind it tell most of them apart.
 */
static void read_environment(struct environment *found, char **entry)
{
	uint64_t letters[GROUPS] = {0}, first = 0;

	for (int i = 0; i < VOCABULARIES; i++)
		found->named[i] = 0;
	for (int i = 0; i < SWITCHES; i++)
		found->switches[i] = NULL;
	for (int i = 0; i < GROUPS; i++)
		first |= bit_of(*groups[i].beginning);
	for (; entry && *entry; entry++)
		if (first & bit_of(**entry))
			read_entry(found, letters, *entry);
}

/*
 * Returns the environment's entries. In secure-execution mode there are none,
 * because whoever starts a set-user-ID program has no say.
 */
static char **readable_entries(void)
{
	return getauxval(AT_SECURE) ? NULL : entries;
}

/* Returns whether a list of words, or NULL, has this one, in any case. */
static bool has_word(const char *list, const char *lower_case_word)
{
	while (list && *list) {
		const char *rest = lower_case_word;

		for (; *rest && (*list | 0x20) == *rest; rest++)
			list++;
		if (!*rest && (!*list || *list == ','))
			return true;
		while (*list && *list++ != ',')
			;
	}
	return false;
}

/* Returns whether a text is one of the setting's values, and which. */
static bool parse(const char *text, const struct setting *setting, int *value)
{
	long long number = 0;

	if (equals(text, "-1"))
		number = -1;
	else
		for (; *text; text++) {
			if (*text < '0' || *text > '9' || number > INT_MAX)
				return false;
			number = number * 10 + (*text - '0');
		}
	if (number != 0 && (number < setting->least || number > setting->most))
		return false;
	*value = (int)number;
	return true;
}

static void report(
	const struct setting *setting, const char *name, const char *value);

#define UNSET INT_MIN

/*
 * Reads the values of the settings; UNSET where there is none. The leftmost of
 * a setting's names that has a good value counts. An empty variable counts as
 * not set. Returns the older libraries whose variables were met.
 */
static unsigned char read_numbers(int values[SETTINGS],
	const struct environment *environment, bool reports)
{
	int older = THIS_LIBRARY;

	for (int i = 0; i < SETTINGS; i++)
		values[i] = UNSET;
	for (int v = VOCABULARIES - 1; v >= 0; v--)
		for (int i = 0; environment->named[v] >> i; i++) {
			const char *text = environment->numbers[v][i];

			if (!(environment->named[v] & BIT(i)) ||
				!(table[i].calls & CALLS) || !*text)
				continue;
			if (parse(text, &table[i], &values[i]))
				older |= v;
			else if (reports)
				report(&table[i], table[i].names[v], text);
		}
	return (unsigned char)older;
}

/*
 * Reads all settings but debug. Takes the older libraries that are known
 * already. An older library's variable brings that library's behaviour: what
 * nobody named is left to the system.
 */
static void read_settings(struct settings *settings, unsigned char older,
	const struct environment *environment, bool reports)
{
	const char *words = environment->switches[WORDS];
	bool uses_none = equals(environment->switches[USE_KEEPALIVE], "0");
	struct option *option = settings->options;
	int values[SETTINGS];

	settings->off = uses_none || has_word(words, "off");
	settings->force = !settings->off && has_word(words, "force");
	settings->follows = false;
	settings->read_at_every_call =
		equals(environment->switches[EVALUATE_ONCE], "0");
	if (uses_none || settings->read_at_every_call ||
		equals(environment->switches[DEBUG_LIBDONTDIE], "1"))
		older |= LIBDONTDIE;
	older |= read_numbers(values, environment, reports && !settings->off);
	settings->older = older;
	settings->at_socket = older || has_word(words, "socket");

	for (int i = 0; i < SETTINGS; i++) {
		bool is_set_here = !settings->off && table[i].calls & CALLS;
		int value = is_set_here ? values[i] : 0;

		if (value == UNSET)
			value = older && i != KEEPALIVE ? 0 : table[i].initial;
		if (i < TIMES)
			settings->times[i] = value;
		if (value == DERIVE) {
			settings->follows = !settings->force;
			value = derive(settings->times);
		}
		if (value != 0)
			*option++ = (struct option){(unsigned char)i,
				table[i].level, table[i].number, table[i].calls,
				value};
	}
	option->level = 0;
}

/* ---- writing lines ---- */

/*
 * A bad value is reported. Every other line is debug's. A line that cannot be
 * written at once is dropped, because a program must not wait for a line or die
 * of SIGPIPE. A line is also dropped when the descriptor's number now belongs
 * to a file of the program. The manual's DIAGNOSTICS lists what remains.
 */

#define VERSION "1.0.0"
#ifdef DEFAULTS
#define BUILD VERSION " with " DEFAULTS_TEXT
#define METADATA_DEFAULTS ",\"defaults\":\"" DEFAULTS_TEXT "\""
#else
#define BUILD VERSION
#define METADATA_DEFAULTS
#endif

static bool is_debugged(const struct settings *settings)
{
	return settings->debug.fd != NOWHERE;
}

static char verdicts[][sizeof("inherits from listen()")] = {
	[SET] = "set",
	[NOTHING_TO_SET] = "nothing to set",
	[OFF] = "off",
	[NOT_TCP] = "not TCP",
	[REFUSED] = "refused",
	[FAILED] = "failed",
	[LEFT_TO_CONNECT] = "left to connect()",
	[INHERITS] = "inherits from listen()",
};

/*
 * Returns the output that a descriptor is now. If the descriptor is closed,
 * this is NOWHERE, of device 0.
 */
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

/* Returns debug's output, as the environment says at start. */
static struct output debug_output(const struct environment *environment)
{
	const char *value = environment->switches[DEBUG];
	struct output output = {.fd = NOWHERE};

	if (value && *value) {
		if (equals(value, "syslog"))
			output.fd = SYSLOG;
		else
			output = output_to(equals(value, "stdout")
						   ? STDOUT_FILENO
						   : STDERR_FILENO);
	} else if (equals(environment->switches[DEBUG_LIBDONTDIE], "1")) {
		output.fd = SYSLOG;
	}
	return output;
}

#define PRIORITY "<14>" /* the log's: user, informational (RFC 3164) */
#define PRIORITY_LENGTH (sizeof(PRIORITY) - 1)

/*
 * Sends a line to the system's log. syslog() would wait and lock, and keep a
 * descriptor that the program may close and use for something else. The
 * C library's socket() and connect() would come to our own hooks.
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
#define SYS_ppoll SYS_ppoll_time64 /* on processors that have no other */
#endif

/*
 * Returns whether a descriptor takes a line at once: only if POLLOUT is
 * reported alone. POLLERR and POLLHUP mean that nobody reads, or that an error
 * waits which is the program's to read. A thread may be cancelled in poll(), so
 * the system call is made directly; newer processors have only ppoll().
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
 * Returns the value that was set, or will be set where fd is -1. A socket tells
 * its own derived value.
 */
static int value_set(int fd, const struct option *option)
{
	return option->value == DERIVE && fd >= 0
		       ? ask(fd, option->level, option->number)
		       : option->value;
}

/* Writes a line: the text, then the values of the settings that were set. */
RARE void write_line(const struct settings *settings, int fd, unsigned int set,
	const char *format, ...)
{
	const struct option *option = settings->options;
	const struct output *to = &settings->debug;
	struct output now;
	/* Room for the longest text, the version and each setting. */
	char line[300 + sizeof(BUILD) +
		  SETTINGS * (NAME_SIZE + sizeof(" =-2147483648"))];
	char *text = line + PRIORITY_LENGTH;
	size_t size = sizeof(line) - PRIORITY_LENGTH;
	size_t length;
	va_list arguments;

	memcpy(line, PRIORITY, PRIORITY_LENGTH);
	va_start(arguments, format);
	length = (size_t)vsnprintf(text, size, format, arguments);
	va_end(arguments);
	for (; option->level; option++)
		if (set & BIT(option->setting))
			length += (size_t)snprintf(text + length, size - length,
				" %s=%d", table[option->setting].names[0],
				value_set(fd, option));
	if (to->fd == SYSLOG) {
		log_line(line, PRIORITY_LENGTH + length);
		return;
	}
	text[length++] = '\n';
	now = output_to(to->fd);
	if (now.device != to->device || now.inode != to->inode)
		return;
	/* write() does not read its last three arguments. */
	if (can_write(to->fd))
		syscall(now.is_socket ? SYS_sendto : SYS_write, to->fd, text,
			length, MSG_DONTWAIT | MSG_NOSIGNAL, (void *)NULL, 0);
}

/*
 * Writes that the kernel refused an option, with errno's meaning. The two
 * errors of sockets that lack an option have names, all others have numbers:
 * strerror() and %m lock for the program's language, and a signal handler's
 * call could wait there for ever.
 */
RARE void write_refusal(const struct settings *settings, int setting, int value)
{
	int error = errno;
	char number[sizeof("error -2147483648")];
	const char *reason = number;

	if (error == ENOPROTOOPT)
		reason = "Protocol not available";
	else if (error == EOPNOTSUPP)
		reason = "Operation not supported";
	else
		snprintf(number, sizeof(number), "error %d", error);
	write_line(settings, -1, 0, "libkeepalive:setsockopt(%s, %d): %s",
		table[setting].names[0], value, reason);
}

/* Reports a bad value on standard error: the only line without debug. */
static void report(
	const struct setting *setting, const char *name, const char *value)
{
	const struct settings to_stderr = {.debug = output_to(STDERR_FILENO)};
	char shown[32 * sizeof("\\x00")];
	int length = 0;
	int i;

	for (i = 0; i < 32 && value[i]; i++) {
		unsigned char c = (unsigned char)value[i];
		bool is_plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';

		length += snprintf(shown + length, sizeof("\\x00"),
			is_plain ? "%c" : "\\x%02x", c);
	}
	if (is_debugged(&to_stderr))
		write_line(&to_stderr, -1, 0,
			OBJECT
			": %s=\"%s%s\" is ignored: %s%d to %d %s are allowed",
			name, shown, value[i] ? "..." : "",
			setting->least > 0 ? "0 or " : "", setting->least,
			setting->most, setting->unit);
}

/* ---- the start ---- */

/*
 * Package metadata, by which `readelf -n` and a core dump tell the version. The
 * alignment is a note's; gcc would choose 32 on x86.
 */
#define METADATA                                                               \
	"{\"name\":\"libkeepalive\",\"version\":\"" VERSION                    \
	"\"" METADATA_DEFAULTS "}"
__attribute__((
	used, section(".note.package"), aligned(4))) static const struct {
	unsigned int owner_size, size, type;
	char owner[4], metadata[sizeof(METADATA)];
} note = {4, sizeof(METADATA), 0xcafe1a7e, "FDO", METADATA};

/*
 * Reads the settings for one call into what the hook lends. Nothing is kept,
 * because that would take a lock.
 */
RARE const struct settings *read_for_call(struct settings *own)
{
	unsigned char now = atomic_load_explicit(&state, memory_order_acquire);
	struct environment environment;

	/*
	 * The state is never READ_AT_EVERY_CALL in secure-execution mode,
	 * because no variable is read there.
	 */
	read_environment(&environment,
		now == READ_AT_EVERY_CALL ? entries : readable_entries());
	/*
	 * In another thread the constructor may have ended meanwhile. Therefore
	 * the state is not loaded again.
	 */
	own->debug = now == NOT_STARTED ? debug_output(&environment)
					: at_start.debug;
	read_settings(own,
		now == READ_AT_EVERY_CALL ? LIBDONTDIE : THIS_LIBRARY,
		&environment, false);
	return own;
}

/* The libraries whose variables are followed, by "older" of the settings. */
static char vocabulary_names[][sizeof("libkeepalive 0.3 and libdontdie")] = {
	[THIS_LIBRARY] = "libkeepalive",
	[LIBKEEPALIVE_0_3] = "libkeepalive 0.3",
	[LIBDONTDIE] = "libdontdie",
	[LIBKEEPALIVE_0_3 | LIBDONTDIE] = "libkeepalive 0.3 and libdontdie",
};

/* Writes debug's first line. */
RARE void write_start(const char *call)
{
	write_line(&at_start, -1, BIT(SETTINGS) - 1,
		OBJECT " " BUILD ": %s, vocabulary of %s, at %s%s%s:",
		at_start.off ? "off" : "on", vocabulary_names[at_start.older],
		call, at_start.force ? ", by force" : "",
		at_start.read_at_every_call ? ", read at every call" : "");
}

/*
 * The constructor's part: the settings that hold from now on. Takes the call at
 * which the options are set. errno survives.
 */
static void start_with(const char *call)
{
	int saved = errno;
	struct environment environment;

	read_environment(&environment, readable_entries());
	look_up(&next_getsockopt);
	look_up(&next_setsockopt);
#ifdef HAS_SETSOCKOPT64
	look_up(&next_setsockopt64);
#endif
	at_start.debug = debug_output(&environment);
	read_settings(&at_start, THIS_LIBRARY, &environment, true);
	atomic_store_explicit(&state,
		at_start.read_at_every_call ? READ_AT_EVERY_CALL
					    : READ_AT_START,
		memory_order_release);
	if (is_debugged(&at_start))
		write_start(at_start.at_socket && CALLS & AT_SOCKET ? "socket()"
								    : call);
	errno = saved;
}
