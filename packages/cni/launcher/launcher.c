/*
 * Weir's CNI launcher. The four tools in a plugin folder are this one binary under four names: it hands its environment and standard
 * input to the agent's unix socket and passes the answer on. When no agent answers, it becomes the same tool in Node: slower, never
 * wrong. A call is idempotent, so one that the agent dropped in the middle may be made again.
 *
 * weir-launcher.conf beside the binary: socket=, node=, entry=, config=, timeout= (seconds).
 * The frame on the socket is described in src/wire-format.ts.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { CODE_ENVIRONMENT = 4, CODE_IO = 5, CODE_TRY_AGAIN = 11 };

typedef struct {
    char *data;
    size_t length, capacity;
} Buffer;

static const char *tool;
static struct { char *socket, *node, *entry, *config, *timeout; } conf;
static long long deadline; /* CLOCK_MONOTONIC, milliseconds */
static const char *awaited = "standard input";

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void write_all(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* the runtime went away: nobody is left to tell */
        data += n, length -= (size_t)n;
    }
}

/*
 * Ends with a CNI error on standard output. A DEL without a namespace (Mesos after a reboot) ends well all the same: a failing one
 * would end the Mesos agent at every start, and Weir's agent removes what is left when it runs again.
 */
__attribute__((noreturn, format(printf, 2, 3))) static void fail(int code, const char *format, ...) {
    char message[1024], escaped[2 * sizeof message], answer[sizeof escaped + 128];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const char *command = getenv("CNI_COMMAND"), *namespace = getenv("CNI_NETNS");
    if (command && strcmp(command, "DEL") == 0 && (!namespace || !*namespace)) {
        int n = snprintf(answer, sizeof answer, "%s: DEL left everything to the agent: %s\n", tool, message);
        write_all(STDERR_FILENO, answer, (size_t)n);
        exit(0);
    }
    char *to = escaped;
    for (const char *from = message; *from; from++) {
        if (*from == '"' || *from == '\\') *to++ = '\\';
        *to++ = (unsigned char)*from < ' ' ? ' ' : *from;
    }
    *to = 0;
    int n = snprintf(answer, sizeof answer, "{\"cniVersion\":\"0.1.0\",\"code\":%d,\"msg\":\"%s: %s\"}\n", code, tool, escaped);
    write_all(STDOUT_FILENO, answer, (size_t)n);
    exit(1);
}

static void append(Buffer *buffer, const char *data, size_t length) {
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = 2 * (buffer->length + length) + 4096;
        buffer->data = realloc(buffer->data, buffer->capacity);
        if (!buffer->data) fail(CODE_TRY_AGAIN, "out of memory; launch the task again");
    }
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

/* Waits until fd is ready for `events`; does not come back when the time is up. */
static void wait_for(int fd, short events) {
    struct pollfd p = { fd, events, 0 };
    for (;;) {
        long long left = deadline - now();
        int n = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (n > 0) return;
        if (n == 0) fail(CODE_TRY_AGAIN, "nothing from %s within %s s; see the agent's log and /readyz, then launch the task again", awaited, conf.timeout);
        if (errno != EINTR) return;
    }
}

/* Appends what comes from fd to its end. Returns -1 when it broke off. */
static int read_all(int fd, Buffer *buffer) {
    char chunk[16384];
    for (;;) {
        wait_for(fd, POLLIN);
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n > 0) append(buffer, chunk, (size_t)n);
        else if (n == 0) return 0;
        else if (errno != EINTR && errno != EAGAIN) return -1;
    }
}

static void read_conf(void) {
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
    if (n < 0) fail(CODE_IO, "/proc/self/exe cannot be read: %s", strerror(errno));
    path[n] = 0;
    strcpy(strrchr(path, '/') + 1, "weir-launcher.conf");
    FILE *file = fopen(path, "re");
    if (!file) fail(CODE_IO, "%s: %s; install Weir's tools again", path, strerror(errno));
    const struct { const char *key; char **value; } keys[] = {
        { "socket=", &conf.socket }, { "node=", &conf.node }, { "entry=", &conf.entry }, { "config=", &conf.config }, { "timeout=", &conf.timeout },
    };
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        line[strcspn(line, "\r\n")] = 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (strncmp(line, keys[i].key, strlen(keys[i].key)) == 0) *keys[i].value = strdup(line + strlen(keys[i].key));
    }
    fclose(file);
    if (!conf.timeout || atoi(conf.timeout) <= 0) conf.timeout = "60";
    if (!conf.socket || !conf.node || !conf.entry || !conf.config) fail(CODE_ENVIRONMENT, "%s lacks socket=, node=, entry= or config=; install Weir's tools again", path);
}

/* Returns a connected, non-blocking socket; -1 when there is no agent. */
static int dial(void) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(conf.socket) >= sizeof address.sun_path) fail(CODE_ENVIRONMENT, "the socket's path %s is longer than a unix socket's may be", conf.socket);
    strcpy(address.sun_path, conf.socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    /* connect(2) waits while the agent's backlog is full. */
    long long left = deadline - now();
    struct timeval limit = { left > 0 ? left / 1000 : 0, 1000 };
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int failed;
    while ((failed = connect(fd, (struct sockaddr *)&address, sizeof address)) < 0 && errno == EINTR) continue;
    if (failed && errno == EAGAIN) fail(CODE_TRY_AGAIN, "the agent at %s took no call within %s s; see its log, then launch the task again", conf.socket, conf.timeout);
    if (failed) return close(fd), -1;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Sends the frame. A peer that closes early shows when the answer is read. */
static void send_frame(int fd, const Buffer *frame) {
    for (size_t sent = 0; sent < frame->length;) {
        wait_for(fd, POLLOUT);
        ssize_t n = write(fd, frame->data + sent, frame->length - sent);
        if (n >= 0) sent += (size_t)n;
        else if (errno != EINTR && errno != EAGAIN) break;
    }
    shutdown(fd, SHUT_WR);
}

/* Passes the agent's answer on and ends. Comes back when the agent ended before it answered anything. */
static void ask_agent(const Buffer *input) {
    int fd = dial();
    if (fd < 0) return;
    Buffer frame = { 0 }, answer = { 0 };
    append(&frame, "WEIR1", 6);
    append(&frame, tool, strlen(tool) + 1);
    for (char **variable = environ; *variable; variable++)
        if (strncmp(*variable, "CNI_", 4) == 0 || strncmp(*variable, "PATH=", 5) == 0) append(&frame, *variable, strlen(*variable) + 1);
    append(&frame, "", 1);
    append(&frame, input->data, input->length);
    send_frame(fd, &frame);
    read_all(fd, &answer);
    close(fd);
    if (answer.length == 0) return;
    append(&answer, "", 1);
    int code = 0, head = 0;
    size_t out = 0, err = 0;
    if (sscanf(answer.data, "%d %zu %zu%n", &code, &out, &err, &head) != 3 || answer.length - 1 != (size_t)head + 1 + out + err)
        fail(CODE_TRY_AGAIN, "the agent at %s ended in the middle of its answer; launch the task again", conf.socket);
    write_all(STDOUT_FILENO, answer.data + head + 1, out);
    write_all(STDERR_FILENO, answer.data + head + 1 + out, err);
    exit(code);
}

/* Becomes the same tool in Node, with standard input from its beginning. */
__attribute__((noreturn)) static void become_node(const Buffer *input) {
    int fd = memfd_create("stdin", 0);
    if (fd < 0) fail(CODE_IO, "standard input cannot be kept: %s", strerror(errno));
    write_all(fd, input->data, input->length);
    lseek(fd, 0, SEEK_SET);
    if (fd != STDIN_FILENO) dup2(fd, STDIN_FILENO), close(fd);
    if (access(conf.entry, R_OK) < 0) fail(CODE_IO, "no agent at %s, and %s: %s", conf.socket, conf.entry, strerror(errno));
    signal(SIGPIPE, SIG_DFL);
    /* Mesos waits without end. The alarm outlives execve(2): Node, too, gets the time limit, no longer. */
    alarm((unsigned)atoi(conf.timeout));
    char *arguments[] = { conf.node, conf.entry, "--config", conf.config, (char *)tool, NULL };
    execve(conf.node, arguments, environ);
    fail(CODE_IO, "no agent at %s, and %s: %s", conf.socket, conf.node, strerror(errno));
}

int main(int count, char **arguments) {
    const char *slash = count > 0 ? strrchr(arguments[0], '/') : NULL;
    tool = slash ? slash + 1 : count > 0 ? arguments[0] : "weir";
    signal(SIGPIPE, SIG_IGN);
    read_conf();
    deadline = now() + atoi(conf.timeout) * 1000LL;
    Buffer input = { 0 };
    /* Somebody who just starts the binary is told what it is, and has nothing to say on a terminal. */
    if (getenv("CNI_COMMAND") && read_all(STDIN_FILENO, &input) < 0) fail(CODE_IO, "standard input cannot be read: %s", strerror(errno));
    awaited = conf.socket;
    ask_agent(&input);
    become_node(&input);
}
