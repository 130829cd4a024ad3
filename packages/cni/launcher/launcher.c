/*
 * Weir's CNI launcher. The four tools in a plugin folder are this one binary under four names: it hands its environment and standard
 * input to the agent's unix socket and passes the answer on. When no agent answers, it becomes the same tool in Node: slower, never
 * wrong. A call is idempotent, so one that the agent dropped in the middle may be made again.
 *
 * weir-launcher.conf beside the binary: socket=, node=, entry=, config=, timeout= (seconds).
 * The frame on the socket is described in src/wire-format.ts.
 */
#define _GNU_SOURCE
#include "syscalls.h"
#include <stdarg.h>

#define DEFAULT_TIMEOUT 60
#define DEFAULT_TIMEOUT_TEXT "60"

enum { CODE_ENVIRONMENT = 4, CODE_IO = 5, CODE_TRY_AGAIN = 11 };

/* Starts with memory of its own; what outgrows it moves, and the old place is not given back: the process is over soon. */
typedef struct {
    char *data;
    size_t length, capacity;
} Buffer;

static char input_memory[16384], frame_memory[20480], answer_memory[8192];
static Buffer input = { input_memory, 0, sizeof input_memory };

static char **environment;
static const char *tool;
static struct { char *socket, *node, *entry, *config, *timeout; } conf = { .timeout = DEFAULT_TIMEOUT_TEXT };
static long timeout = DEFAULT_TIMEOUT;
static long deadline; /* CLOCK_MONOTONIC, milliseconds */
static const char *awaited = "standard input";

static long now(void) {
    struct __kernel_timespec t = { 0 };
    SYSCALL(clock_gettime, CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static const char *variable(const char *name) {
    for (char **at = environment; *at; at++)
        if (starts_with(*at, name) && (*at)[strlen(name)] == '=') return *at + strlen(name) + 1;
    return NULL;
}

static void write_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        long n = SYSCALL(write, fd, data, length);
        if (n == -EINTR) continue;
        if (n <= 0) return; /* the runtime went away: nobody is left to tell */
        data += n, length -= (size_t)n;
    }
}

__attribute__((noreturn)) static void end(int code) {
    for (;;) SYSCALL(exit_group, code);
}

/* Where the string that begins at `at`, behind its quote, has the other one; NULL where it has none. */
static const char *string_end(const char *at, const char *limit) {
    for (; at < limit && *at != '"'; at++)
        if (*at == '\\' && ++at == limit) break;
    return at < limit ? at : NULL;
}

static const char *past_blanks(const char *at, const char *limit) {
    while (at < limit && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

/* Of versions alone: what comes back is put into JSON as it is. */
static int is_of_version(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '+';
}

/*
 * The last "cniVersion" at the top of the configuration, as a JSON parser has it; 0.1.0, the specification's for none, where there is
 * none or it is no version. Goes through whatever was read, half a configuration too, in one pass and by quotes and brackets alone.
 */
static const char *version_in(const Buffer *json) {
    static char version[32] = "0.1.0";
    const char *at = json->data, *limit = at + json->length;
    for (long depth = 0; at < limit; at++) {
        depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
        if (*at != '"') continue;
        const char *name = at + 1;
        at = string_end(name, limit);
        if (!at) break;
        const char *colon = past_blanks(at + 1, limit);
        if (depth != 1 || !starts_with(name, "cniVersion\"") || colon == limit || *colon != ':') continue;
        const char *value = past_blanks(colon + 1, limit);
        const char *end = value < limit && *value == '"' ? string_end(value + 1, limit) : NULL;
        size_t length = 0;
        while (end && ++value < end && is_of_version(*value) && length < sizeof version - 1) version[length++] = *value;
        if (!end || value < end || length == 0) memcpy(version, "0.1.0", sizeof "0.1.0");
        else version[length] = 0;
        if (end) at = end;
    }
    return version;
}

static long read_input(void);

/*
 * Ends with a CNI error on standard output, its message in parts, of which NULL is the last. A DEL without a namespace (Mesos after a
 * reboot) ends well all the same: a failing one would end the Mesos agent at every start, and Weir's agent removes what is left when it
 * runs again.
 */
__attribute__((noreturn, sentinel)) static void fail(int code, ...) {
    static char answer[4096];
    const char *command = variable("CNI_COMMAND"), *namespace = variable("CNI_NETNS");
    int is_quiet = command && equal(command, "DEL") && (!namespace || !*namespace);
    char *to = answer, *limit = answer + sizeof answer - 8;
    /* For its version, where the failure is of the installation and came first. */
    if (!is_quiet) read_input();
    const char *opening[] = { "{\"cniVersion\":\"", version_in(&input), "\",\"code\":", number_text(code, (char[24]){ 0 }), ",\"msg\":\"" };
    for (size_t i = 0; !is_quiet && i < sizeof opening / sizeof *opening; i++)
        for (const char *from = opening[i]; *from; from++) *to++ = *from;
    va_list parts;
    va_start(parts, code);
    const char *part = tool, *next = is_quiet ? ": DEL left everything to the agent: " : ": ";
    for (; part; part = next, next = next ? va_arg(parts, const char *) : NULL) {
        for (const char *from = part; *from && to < limit; from++) {
            if (!is_quiet && (*from == '"' || *from == '\\')) *to++ = '\\';
            *to++ = (unsigned char)*from < ' ' ? ' ' : *from;
        }
    }
    va_end(parts);
    for (const char *from = is_quiet ? "\n" : "\"}\n"; *from; from++) *to++ = *from;
    write_all(is_quiet ? STDERR_FILENO : STDOUT_FILENO, answer, (size_t)(to - answer));
    end(is_quiet ? 0 : 1);
}

/* Room for `length` more bytes, behind what is there. */
static char *reserve(Buffer *buffer, size_t length) {
    if (buffer->length + length > buffer->capacity) {
        size_t capacity = 2 * (buffer->length + length);
        long memory = SYSCALL(mmap, NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory < 0 && memory > -4096) fail(CODE_TRY_AGAIN, "out of memory; launch the task again", NULL);
        memcpy((char *)memory, buffer->data, buffer->length);
        buffer->data = (char *)memory, buffer->capacity = capacity;
    }
    return buffer->data + buffer->length;
}

static void append(Buffer *buffer, const char *data, size_t length) {
    memcpy(reserve(buffer, length), data, length);
    buffer->length += length;
}

/* Waits until fd is ready for `events`; does not come back when the time is up. */
static void wait_for(int fd, short events) {
    struct pollfd p = { fd, events, 0 };
    for (;;) {
        long left = deadline - now();
        struct __kernel_timespec limit = { left / 1000, left % 1000 * 1000000 };
        long n = left > 0 ? SYSCALL(ppoll, &p, 1, &limit, NULL) : 0;
        if (n > 0) return;
        if (n == 0) fail(CODE_TRY_AGAIN, "nothing from ", awaited, " within ", conf.timeout, " s; see the agent's log and /readyz, then launch the task again", NULL);
        if (n != -EINTR) return;
    }
}

/* Appends what fd has next. 0 at its end, negative when it broke off. */
static long read_some(int fd, Buffer *buffer) {
    for (;;) {
        char *to = reserve(buffer, 4096);
        wait_for(fd, POLLIN);
        long n = SYSCALL(read, fd, to, buffer->capacity - buffer->length);
        if (n == -EINTR || n == -EAGAIN) continue;
        if (n > 0) buffer->length += (size_t)n;
        return n;
    }
}

/*
 * Negative when it cannot be read. Once. Somebody who just starts the binary is told what it is, and has nothing to say on a terminal.
 */
static long read_input(void) {
    static int is_read;
    long n = !is_read && variable("CNI_COMMAND") ? 1 : 0;
    is_read = 1;
    while (n > 0) n = read_some(STDIN_FILENO, &input);
    return n;
}

static void read_conf(void) {
    static char path[4096 + 32], text[16384];
    long n = SYSCALL(readlinkat, AT_FDCWD, "/proc/self/exe", path, 4096);
    if (n < 0) fail(CODE_IO, "/proc/self/exe cannot be read: ", error_text(n), NULL);
    memcpy(file_name(path), "weir-launcher.conf", sizeof "weir-launcher.conf");
    long fd = SYSCALL(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? fd : SYSCALL(read, fd, text, sizeof text - 1);
    if (n < 0) fail(CODE_IO, path, ": ", error_text(n), "; install Weir's tools again", NULL);
    SYSCALL(close, fd);
    const struct { const char *key; char **value; } keys[] = {
        { "socket=", &conf.socket }, { "node=", &conf.node }, { "entry=", &conf.entry }, { "config=", &conf.config }, { "timeout=", &conf.timeout },
    };
    for (char *line = text, *at = text; line < text + n; line = ++at) {
        while (*at && *at != '\n' && *at != '\r') at++;
        *at = 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (starts_with(line, keys[i].key)) *keys[i].value = line + strlen(keys[i].key);
    }
    const char *digits = conf.timeout;
    timeout = number_at(&digits);
    if (timeout <= 0) timeout = DEFAULT_TIMEOUT, conf.timeout = DEFAULT_TIMEOUT_TEXT;
    deadline = now() + timeout * 1000;
    if (!conf.socket || !conf.node || !conf.entry || !conf.config) fail(CODE_ENVIRONMENT, path, " lacks socket=, node=, entry= or config=; install Weir's tools again", NULL);
}

/* Returns a connected, non-blocking socket; -1 when there is no agent. */
static int dial(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = strlen(conf.socket);
    if (length >= sizeof address.sun_path) fail(CODE_ENVIRONMENT, "the socket's path ", conf.socket, " is longer than a unix socket's may be", NULL);
    memcpy(address.sun_path, conf.socket, length);
    long fd = SYSCALL(socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    /* connect(2) waits while the agent's backlog is full. */
    long left = deadline - now(), failed;
    struct __kernel_old_timeval limit = { left > 0 ? left / 1000 : 0, 1000 };
    SYSCALL(setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while ((failed = SYSCALL(connect, fd, &address, sizeof address)) == -EINTR) continue;
    if (failed == -EAGAIN) fail(CODE_TRY_AGAIN, "the agent at ", conf.socket, " took no call within ", conf.timeout, " s; see its log, then launch the task again", NULL);
    if (failed) return SYSCALL(close, fd), -1;
    SYSCALL(fcntl, fd, F_SETFL, O_NONBLOCK);
    return (int)fd;
}

/* Sends the frame. A peer that closes early shows when the answer is read. */
static void send_frame(int fd, const Buffer *frame) {
    for (size_t sent = 0; sent < frame->length;) {
        wait_for(fd, POLLOUT);
        long n = SYSCALL(write, fd, frame->data + sent, frame->length - sent);
        if (n >= 0) sent += (size_t)n;
        else if (n != -EINTR && n != -EAGAIN) break;
    }
    SYSCALL(shutdown, fd, SHUT_WR);
}

/* Passes an answer on and ends, once it is whole: "<exit code> <stdout length> <stderr length>\n", then both. */
static void pass_on(const Buffer *answer) {
    const char *at = answer->data;
    long numbers[3];
    for (int i = 0; i < 3; i++) {
        numbers[i] = number_at(&at);
        if (numbers[i] < 0 || *at++ != (i < 2 ? ' ' : '\n')) return;
    }
    if (answer->length != (size_t)(at - answer->data + numbers[1] + numbers[2])) return;
    write_all(STDOUT_FILENO, at, (size_t)numbers[1]);
    write_all(STDERR_FILENO, at + numbers[1], (size_t)numbers[2]);
    end((int)numbers[0]);
}

/* Comes back when the agent ended before it answered anything. */
static void ask_agent(void) {
    int fd = dial();
    if (fd < 0) return;
    Buffer frame = { frame_memory, 0, sizeof frame_memory }, answer = { answer_memory, 0, sizeof answer_memory };
    append(&frame, "WEIR1", 6);
    append(&frame, tool, strlen(tool) + 1);
    for (char **at = environment; *at; at++)
        if (starts_with(*at, "CNI_") || starts_with(*at, "PATH=")) append(&frame, *at, strlen(*at) + 1);
    append(&frame, "", 1);
    append(&frame, input.data, input.length);
    send_frame(fd, &frame);
    while (read_some(fd, &answer) > 0) {
        *reserve(&answer, 1) = 0;
        pass_on(&answer);
    }
    SYSCALL(close, fd);
    if (answer.length > 0) fail(CODE_TRY_AGAIN, "the agent at ", conf.socket, " ended in the middle of its answer; launch the task again", NULL);
}

/* Becomes the same tool in Node, with standard input from its beginning. */
__attribute__((noreturn)) static void become_node(void) {
    long fd = SYSCALL(memfd_create, "stdin", 0);
    if (fd < 0) fail(CODE_IO, "standard input cannot be kept: ", error_text(fd), NULL);
    write_all((int)fd, input.data, input.length);
    SYSCALL(lseek, fd, 0, SEEK_SET);
    if (fd != STDIN_FILENO) SYSCALL(dup3, fd, STDIN_FILENO, 0), SYSCALL(close, fd);
    long failed = SYSCALL(faccessat, AT_FDCWD, conf.entry, R_OK);
    if (failed) fail(CODE_IO, "no agent at ", conf.socket, ", and ", conf.entry, ": ", error_text(failed), NULL);
    struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } by_default = { 0 };
    SYSCALL(rt_sigaction, SIGPIPE, &by_default, NULL, 8);
    /* Mesos waits without end. Node is told its time limit and keeps it; the alarm, which outlives execve(2), is for a Node that hangs. */
    struct { struct __kernel_old_timeval interval, value; } limit = { { 0, 0 }, { timeout, 0 } };
    SYSCALL(setitimer, 0 /* ITIMER_REAL */, &limit, NULL);
    char *arguments[] = { conf.node, conf.entry, "--config", conf.config, "--timeout", conf.timeout, (char *)tool, NULL };
    failed = SYSCALL(execve, conf.node, arguments, environment);
    fail(CODE_IO, "no agent at ", conf.socket, ", and ", conf.node, ": ", error_text(failed), NULL);
}

__attribute__((noreturn, used)) void start(long *stack) {
    long count = *stack;
    char **arguments = (char **)(stack + 1);
    environment = arguments + count + 1;
    tool = count > 0 ? file_name(arguments[0]) : "weir";
    struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } ignored = { (void *)1 /* SIG_IGN */, 0, NULL, 0 };
    SYSCALL(rt_sigaction, SIGPIPE, &ignored, NULL, 8);
    deadline = now() + DEFAULT_TIMEOUT * 1000;
    read_conf();
    long failed = read_input();
    if (failed) fail(CODE_IO, "standard input cannot be read: ", error_text(failed), NULL);
    awaited = conf.socket;
    ask_agent();
    become_node();
}
