/* SPDX-License-Identifier: ISC */

/*
 * libFuzzer's target for the reading of the environment: the input's lines are
 * the environment. What read_environment() and read_settings() make of it is
 * compared with what the manual says, in other words. Each line that it reports
 * has to be one line of visible characters. Built with SOURCE as one of the two
 * objects.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static long hear(long number, ...);
#define syscall hear

#ifndef SOURCE
#define SOURCE "../../keepalive.c"
#endif
#include SOURCE /* NOLINT(bugprone-suspicious-include) */
#undef syscall

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static int lines_heard;

/* The system calls of a line: whether it can be written, and its writing. */
static long hear(long number, ...)
{
	const char *line;
	size_t length;
	va_list arguments;

	va_start(arguments, number);
	/* NOLINTBEGIN(clang-analyzer-valist.Uninitialized): it is not */
	if (number != SYS_write && number != SYS_sendto) {
		va_arg(arguments, struct pollfd *)->revents = POLLOUT;
		va_end(arguments);
		return 1;
	}
	(void)va_arg(arguments, int);
	line = va_arg(arguments, const char *);
	length = va_arg(arguments, size_t);
	va_end(arguments);
	/* NOLINTEND(clang-analyzer-valist.Uninitialized) */
	if (length > 400 || line[length - 1] != '\n')
		abort();
	for (size_t i = 0; i + 1 < length; i++)
		if (line[i] < ' ' || line[i] > '~')
			abort();
	lines_heard++;
	return (long)length;
}

/* ---- the manual, in other words ---- */

static const struct expected {
	const char *names[3];
	long least, most, normal;
	bool client, listen;
} manual[] = {
	{{"TCP_KEEPIDLE", "KEEPIDLE", "DD_TCP_KEEPALIVE_TIME"}, 0, 32767, 15,
		true, true},
	{{"TCP_KEEPINTVL", "KEEPINTVL", "DD_TCP_KEEPALIVE_INTVL"}, 0, 32767, 15,
		true, true},
	{{"TCP_KEEPCNT", "KEEPCNT", "DD_TCP_KEEPALIVE_PROBES"}, 0, 127, 9, true,
		true},
	{{"TCP_USER_TIMEOUT", NULL, NULL}, -1, 2147483647, -1, true, true},
	{{"TCP_MAXSEG", NULL, NULL}, 88, 32767, 0, true, true},
	{{"TCP_WINDOW_CLAMP", NULL, NULL}, 0, 2147483647, 0, true, true},
	{{"TCP_SYNCNT", NULL, NULL}, 0, 127, 0, true, false},
	{{"TCP_DEFER_ACCEPT", NULL, NULL}, 0, 2147483647, 0, false, true},
};
#define OPTIONS (sizeof(manual) / sizeof(manual[0]))
_Static_assert(OPTIONS == KEEPALIVE, "a setting of common.h lacks its row");

static const char *value_of(const char *name)
{
	const char *value = name ? getenv(name) : NULL;

	return value && value[0] ? value : NULL;
}

static bool variable_is(const char *name, const char *wanted)
{
	const char *value = getenv(name);

	return value && strcmp(value, wanted) == 0;
}

/* Whether it is a good value; no digits count in front of the last eleven. */
static bool good(
	const char *value, const struct expected *expected, long *number)
{
	size_t digits = strspn(value, "0123456789");

	if (strcmp(value, "-1") == 0 && expected->least == -1) {
		*number = -1;
		return true;
	}
	if (value[digits])
		return false;
	while (*value == '0')
		value++;
	if (strlen(value) > 10)
		return false;
	*number = *value ? strtol(value, NULL, 10) : 0;
	return *number == 0 ||
	       (*number >= expected->least && *number <= expected->most);
}

static bool words_have(const char *wanted)
{
	static char words[4096];
	const char *all = value_of("KEEPALIVE");

	snprintf(words, sizeof(words), "%s", all ? all : "");
	for (char *word = words, *next; word; word = next) {
		next = strchr(word, ',');
		if (next)
			*next++ = '\0';
		if (strcasecmp(word, wanted) == 0)
			return true;
	}
	return false;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* NOLINTNEXTLINE(readability-function-cognitive-complexity) */
static void compare(const struct settings *got)
{
	bool off = words_have("off") || variable_is("DD_USE_KEEPALIVE", "0");
	bool older_0_3 = false;
	bool older_libdontdie = variable_is("DD_USE_KEEPALIVE", "0") ||
				variable_is("DD_DEBUG", "1") ||
				variable_is("DD_EVAL_ENVIRONMENT_ONCE", "0");
	long want[OPTIONS];
	bool named[OPTIONS] = {false};
	const struct option *option = got->options;
	bool is_derived;
	int bad = 0;

	for (size_t i = 0; i < OPTIONS; i++)
		for (int name = 0; name < 3; name++) {
			const char *value = value_of(manual[i].names[name]);
			long number;

			if (!value || !((CALLS & AT_LISTEN) ? manual[i].listen
							    : manual[i].client))
				continue;
			if (!good(value, &manual[i], &number)) {
				bad++;
				continue;
			}
			older_0_3 |= name == 1;
			older_libdontdie |= name == 2;
			if (!named[i])
				want[i] = number;
			named[i] = true;
		}
	for (size_t i = 0; i < OPTIONS; i++)
		if (off)
			want[i] = 0;
		else if (!named[i])
			want[i] = older_0_3 || older_libdontdie
					  ? 0
					  : manual[i].normal;
	is_derived = want[3] == -1;
	if (is_derived && want[0] && want[1] && want[2])
		want[3] = (want[0] + want[1] * want[2]) * 1000;
	if (want[3] > 2147483647)
		want[3] = 2147483647;

	must(got->off == off);
	for (size_t i = 0; i < TIMES; i++)
		must(got->times[i] == want[i]);
	for (size_t i = 0; i < OPTIONS; i++)
		if (want[i] != 0) {
			must(option->setting == i);
			must(option++->value == want[i]);
		}
	must(off || (option++->setting == KEEPALIVE));
	must(option->level == 0);
	must(got->older == (older_0_3 ? LIBKEEPALIVE_0_3 : 0) +
				   (older_libdontdie ? LIBDONTDIE : 0));
	must(got->at_socket ==
		(older_0_3 || older_libdontdie || words_have("socket")));
	must(got->force == (!off && words_have("force")));
	must(got->follows == (is_derived && !got->force));
	must(got->read_at_every_call ==
		variable_is("DD_EVAL_ENVIRONMENT_ONCE", "0"));
	must(lines_heard == (off ? 0 : bad));
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static char text[4096];
	static char *variables[65];
	char **own = environ;
	struct settings settings;
	struct environment environment;
	size_t count = 0;

	if (size >= sizeof(text) || memchr(input, 0, size))
		return 0;
	memcpy(text, input, size);
	text[size] = '\0';
	for (char *line = text, *next; line && count < 64; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		variables[count++] = line;
	}
	variables[count] = NULL;

	lines_heard = 0;
	environ = variables;
	read_environment(&environment, readable_entries());
	memset(&settings, 0xa5, sizeof(settings)); /* as a stack may be */
	read_settings(&settings, THIS_LIBRARY, &environment, true);
	compare(&settings);
	environ = own;
	return 0;
}
