/*
 * Carries pieces of about 64 KiB by one TCP connection from one network namespace to another: carry <from> <to> <address> <port>, the
 * first two being files. One thread on one core is both ends, and has priority over all else, so that the whole way of a piece, and that of
 * the acknowledgements back, is in the time that it takes. Four pieces are under way at a time, which the caches hold; the receiver
 * acknowledges two of them, as one that has much to read does. Prints the nanoseconds for each 64 KiB that the quickest tenth of the
 * batches keep within.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCHES = 400, WARM_UP = 20, PIECES = 4, PIECE_MAX = 65200 };

static char buffer[PIECES * PIECE_MAX];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e9 + time.tv_nsec;
}

/* A socket stays in the namespace that it was made in. */
static int socket_in(const char *namespace) {
  int file = open(namespace, O_RDONLY | O_CLOEXEC);
  if (file < 0 || setns(file, CLONE_NEWNET) != 0) fail(namespace);
  close(file);
  int made = socket(AF_INET, SOCK_STREAM, 0), size = 4 << 20;
  if (made < 0) fail("socket");
  setsockopt(made, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  setsockopt(made, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return made;
}

static void carry(int sender, int receiver, long size) {
  for (long sent = 0, received = 0; received < size;) {
    if (sent < size) {
      long taken = send(sender, buffer, size - sent, MSG_DONTWAIT);
      if (taken > 0) sent += taken;
    }
    long came = recv(receiver, buffer, size - received, MSG_DONTWAIT);
    if (came == 0) fail("recv");
    if (came > 0) received += came;
    else sched_yield();
  }
}

static int compare(const void *left, const void *right) {
  double difference = *(const double *)left - *(const double *)right;
  return (difference > 0) - (difference < 0);
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(sched_getcpu(), &core);
  sched_setaffinity(0, sizeof core, &core);
  struct sched_param priority = {.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO, &priority);

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[4]))};
  int listener = socket_in(argv[2]), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0) fail("listen");
  int sender = socket_in(argv[1]);
  if (inet_pton(AF_INET, argv[3], &address.sin_addr) != 1) return 2;
  if (connect(sender, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
  int receiver = accept(listener, NULL, NULL);
  if (receiver < 0) fail("accept");

  int segment;
  socklen_t length = sizeof segment;
  if (getsockopt(sender, IPPROTO_TCP, TCP_MAXSEG, &segment, &length) != 0) fail("TCP_MAXSEG");
  /* Whole segments: each piece is one packet to the kernel. */
  long piece = PIECE_MAX / segment * segment;
  static double times[BATCHES];
  for (int batch = -WARM_UP; batch < BATCHES; batch++) {
    double start = now();
    carry(sender, receiver, PIECES * piece);
    if (batch >= 0) times[batch] = (now() - start) * 65536 / (PIECES * piece);
    /* Who has priority may not keep the core for good. */
    if (batch % 50 == 49) usleep(3000);
  }
  qsort(times, BATCHES, sizeof *times, compare);
  printf("%.0f\n", times[BATCHES / 10]);
  return 0;
}
