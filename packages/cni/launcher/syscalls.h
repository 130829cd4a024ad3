/*
 * What the launcher needs of a C library, and no more. Under a hypervisor glibc's start alone takes three times as long as the rest of
 * a static program's life: it asks the processor for its features with CPUID, which traps, dozens of times, and relocates its string
 * functions by the answers. System calls by their numbers (asm/unistd.h), for the processors that Node is built for.
 */
#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* The kernel enters with argc, argv, NULL, envp, NULL on the stack. */
#if defined __x86_64__
__asm__(".globl _start\n_start: xor %ebp,%ebp\n mov %rsp,%rdi\n and $-16,%rsp\n call start\n hlt\n");

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return number;
}
#elif defined __aarch64__
__asm__(".globl _start\n_start: mov x29,#0\n mov x30,#0\n mov x0,sp\n bl start\n brk #1\n");

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d, x4 __asm__("x4") = e, x5 __asm__("x5") = f;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
}
#else
#error "Node from npm runs on x86-64 and arm64 alone"
#endif

#define CALL6(number, a, b, c, d, e, f, ...) call(__NR_##number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
/* SYSCALL(read, fd, data, size): what the kernel gives back, which is the negative errno of a failure. */
#define SYSCALL(...) CALL6(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

/* The compiler calls these by itself, too. Without the attribute it would make calls of them out of their own loops. */
#define NO_LOOP_CALLS __attribute__((optimize("no-tree-loop-distribute-patterns")))

NO_LOOP_CALLS void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    for (size_t i = 0; i < length; i++) ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

NO_LOOP_CALLS void *memset(void *to, int value, size_t length) {
    for (size_t i = 0; i < length; i++) ((char *)to)[i] = (char)value;
    return to;
}

NO_LOOP_CALLS size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length]) length++;
    return length;
}

static int starts_with(const char *text, const char *prefix) {
    while (*prefix)
        if (*text++ != *prefix++) return 0;
    return 1;
}

static int equal(const char *one, const char *other) {
    return starts_with(one, other) && strlen(one) == strlen(other);
}

/* What follows the last slash. */
static char *file_name(char *path) {
    char *name = path;
    for (; *path; path++)
        if (*path == '/') name = path + 1;
    return name;
}

/* The decimal number at *text, which moves behind it; -1 when there is none. */
static long number_at(const char **text) {
    long value = -1;
    for (; **text >= '0' && **text <= '9' && value < 1000000000; ++*text) value = (value < 0 ? 0 : value) * 10 + **text - '0';
    return value;
}

static const char *number_text(long value, char text[24]) {
    char *at = text + 23;
    *at = 0;
    do *--at = (char)('0' + value % 10);
    while (value /= 10);
    return at;
}

/* Of what happens to a launcher's files and sockets. */
static const char *error_text(long error) {
    static char number[24];
    switch (error < 0 ? -error : error) {
    case ENOENT: return "No such file or directory";
    case EACCES: return "Permission denied";
    case ENOTDIR: return "Not a directory";
    case EISDIR: return "Is a directory";
    case ENOEXEC: return "Exec format error";
    case ENOMEM: return "Cannot allocate memory";
    case EMFILE: return "Too many open files";
    case EIO: return "Input/output error";
    case ELOOP: return "Too many levels of symbolic links";
    case ETXTBSY: return "Text file busy";
    default: return number_text(error < 0 ? -error : error, number);
    }
}
