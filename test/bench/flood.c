/* Sends UDP packets as fast as it can, for some seconds: flood <address> <port> <seconds>. Prints how many, and its own CPU seconds. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

static double seconds_of(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1) return 2;
  int sender = socket(AF_INET, SOCK_DGRAM, 0);
  if (sender < 0 || connect(sender, (struct sockaddr *)&target, sizeof target) != 0) return 1;
  char payload[64] = {0};
  long packets = 0;
  for (double end = now() + atof(argv[3]); now() < end;)
    for (int round = 0; round < 100; round++) packets += send(sender, payload, sizeof payload, 0) > 0;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%ld %f\n", packets, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  return 0;
}
