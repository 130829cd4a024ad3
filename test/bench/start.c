/* Starts plugins, any number at the same time, from a process so small that its own part in the time is next to nothing: the fork of a Node
 * process alone would take longer than many a plugin.
 *
 * A request on stdin: ID, PROGRAM, STDIN-FILE and all of the environment (KEY=VALUE each), each ended by a NUL, then a newline. The program
 * has pipes for stdout and stderr. The answer on stdout, when the process has ended and both pipes are closed by everybody who inherited
 * them: a line of ID, CLOCK_MONOTONIC nanoseconds before the start and after the end, exit code (128 + signal number when killed, 127 when
 * not started), and what was written to stdout and to stderr, in hexadecimal, separated by tabs. Ends when its own stdin does. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 64, ENVIRONMENT = 64, ID_SIZE = 16 };
enum { OUT, ERR, PROCESS, ENDS }; /* what a run is over with */

struct output {
  char *bytes;
  size_t length;
};

static struct run {
  char id[ID_SIZE]; /* empty: this place is free */
  pid_t pid;
  long long start;
  struct output outputs[2];
} runs[AT_ONCE];

/* Requests, then the ends of each run; -1, which poll leaves out, for those that were reached. */
static struct pollfd watched[1 + AT_ONCE * ENDS];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void refuse(const char *why) {
  fprintf(stderr, "start: %s\n", why);
  exit(2);
}

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static struct pollfd *ends_of(const struct run *run) {
  return watched + 1 + (run - runs) * ENDS;
}

static void append(struct output *output, const char *bytes, size_t length) {
  if (!(output->bytes = realloc(output->bytes, output->length + length))) fail("memory");
  memcpy(output->bytes + output->length, bytes, length);
  output->length += length;
}

static void answer(struct run *run, long long end, int code) {
  printf("%s\t%lld\t%lld\t%d", run->id, run->start, end, code);
  for (int which = OUT; which <= ERR; which++) {
    struct output *output = &run->outputs[which];
    putchar('\t');
    for (size_t at = 0; at < output->length; at++) printf("%02x", (unsigned char)output->bytes[at]);
    free(output->bytes);
  }
  putchar('\n');
  fflush(stdout);
  memset(run, 0, sizeof *run);
}

static void start(struct run *run, const char *program, const char *stdin_file, char **environment) {
  char *argv[] = {(char *)program, 0};
  struct pollfd *ends = ends_of(run);
  posix_spawn_file_actions_t files;
  int pipes[2][2];
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, stdin_file, O_RDONLY, 0);
  for (int which = OUT; which <= ERR; which++) {
    if (pipe2(pipes[which], O_CLOEXEC)) fail("pipe");
    posix_spawn_file_actions_adddup2(&files, pipes[which][1], which == OUT ? STDOUT_FILENO : STDERR_FILENO);
  }
  run->start = now();
  int error = posix_spawn(&run->pid, program, &files, 0, argv, environment);
  posix_spawn_file_actions_destroy(&files);
  for (int which = OUT; which <= ERR; which++) {
    close(pipes[which][1]);
    if (error) close(pipes[which][0]);
    else ends[which].fd = pipes[which][0];
  }
  if (error) {
    append(&run->outputs[ERR], strerror(error), strlen(strerror(error)));
    answer(run, now(), 127);
  } else if ((ends[PROCESS].fd = syscall(SYS_pidfd_open, run->pid, 0)) < 0) fail("pidfd_open");
}

static void request(char *line, char *end) {
  char *fields[3 + ENVIRONMENT + 1];
  int count = 0, place = 0;
  for (char *at = line; at < end; at += strlen(at) + 1) {
    if (count == 3 + ENVIRONMENT) refuse("too many variables");
    fields[count++] = at;
  }
  fields[count] = 0;
  if (count < 3 || !*fields[0] || strlen(fields[0]) >= ID_SIZE) refuse("not a request");
  while (place < AT_ONCE && *runs[place].id) place++;
  if (place == AT_ONCE) refuse("too many at once");
  strcpy(runs[place].id, fields[0]);
  start(&runs[place], fields[1], fields[2], fields + 3);
}

/* Takes what there is of a run, and answers when that was all. */
static void proceed(struct run *run) {
  static char buffer[1 << 16];
  struct pollfd *ends = ends_of(run);
  int status;
  for (int which = OUT; which <= ERR; which++) {
    if (ends[which].fd < 0 || !ends[which].revents) continue;
    ssize_t count = read(ends[which].fd, buffer, sizeof buffer);
    if (count < 0) fail("read");
    append(&run->outputs[which], buffer, count);
    if (count == 0) close(ends[which].fd), ends[which].fd = -1;
  }
  if (ends[PROCESS].fd >= 0 && ends[PROCESS].revents) close(ends[PROCESS].fd), ends[PROCESS].fd = -1;
  if (ends[OUT].fd >= 0 || ends[ERR].fd >= 0 || ends[PROCESS].fd >= 0) return;
  if (waitpid(run->pid, &status, 0) < 0) fail("wait");
  answer(run, now(), WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int main(void) {
  static char input[1 << 18];
  size_t length = 0;
  for (size_t index = 0; index < sizeof watched / sizeof *watched; index++) watched[index] = (struct pollfd){.fd = -1, .events = POLLIN};
  watched[0].fd = STDIN_FILENO;
  for (;;) {
    if (poll(watched, sizeof watched / sizeof *watched, -1) < 0) fail("poll");
    for (int place = 0; place < AT_ONCE; place++)
      if (*runs[place].id) proceed(&runs[place]);
    if (!watched[0].revents) continue;
    ssize_t count = read(STDIN_FILENO, input + length, sizeof input - length);
    if (count < 0) fail("read");
    if (count == 0) return 0;
    length += count;
    char *line = input, *end;
    for (; (end = memchr(line, '\n', input + length - line)); line = end + 1) request(line, end);
    length -= line - input;
    memmove(input, line, length);
    if (length == sizeof input) refuse("too long a request");
  }
}
