/* New TCP connections per second: `connections serve PORT`, or `connections dial ADDRESS PORT SECONDS`, which prints the rate.
 * Round trips of one byte on one connection: `connections echo PORT`, and `connections talk ADDRESS PORT SECONDS`, which prints microseconds.
 * In C, so that the cost of a connection is the kernel's and not the client's. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static struct sockaddr_in address(const char *ip, const char *port) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  if (inet_pton(AF_INET, ip, &a.sin_addr) != 1) fail(ip);
  return a;
}

static int listen_at(const char *port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  struct sockaddr_in a = address("0.0.0.0", port);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 4096)) fail("listen");
  puts("ready");
  fflush(stdout);
  return listener;
}

static void serve(const char *port) {
  int listener = listen_at(port);
  for (;;) {
    int connection = accept(listener, 0, 0);
    if (connection >= 0) close(connection);
  }
}

static void dial(const char *ip, const char *port, double seconds) {
  struct sockaddr_in a = address(ip, port);
  struct linger abort_on_close = {1, 0}; /* no TIME_WAIT: ports do not run out */
  long count = 0;
  double start = now(), end = start + seconds;
  while (now() < end) {
    int s = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s, (struct sockaddr *)&a, sizeof a)) fail("connect");
    setsockopt(s, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
    close(s);
    count++;
  }
  printf("%.0f\n", count / (now() - start));
}

/* One client after the other. */
static void echo(const char *port) {
  int listener = listen_at(port), one = 1;
  for (;;) {
    int connection = accept(listener, 0, 0);
    char byte;
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    while (read(connection, &byte, 1) == 1 && write(connection, &byte, 1) == 1) {
    }
    close(connection);
  }
}

static void talk(const char *ip, const char *port, double seconds) {
  struct sockaddr_in a = address(ip, port);
  int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  char byte = 0;
  long count = 0;
  if (connect(s, (struct sockaddr *)&a, sizeof a)) fail("connect");
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  double start = now(), end = start + seconds;
  while (now() < end) {
    if (write(s, &byte, 1) != 1 || read(s, &byte, 1) != 1) fail("talk");
    count++;
  }
  printf("%.3f\n", (now() - start) / count * 1e6);
}

int main(int argc, char **argv) {
  if (argc == 3 && !strcmp(argv[1], "serve")) serve(argv[2]);
  if (argc == 5 && !strcmp(argv[1], "dial")) dial(argv[2], argv[3], atof(argv[4]));
  else if (argc == 3 && !strcmp(argv[1], "echo")) echo(argv[2]);
  else if (argc == 5 && !strcmp(argv[1], "talk")) talk(argv[2], argv[3], atof(argv[4]));
  else fprintf(stderr, "usage: connections serve|echo PORT | connections dial|talk ADDRESS PORT SECONDS\n");
  return argc == 5 ? 0 : 2;
}
