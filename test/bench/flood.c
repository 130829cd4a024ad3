/* Sends UDP packets as fast as it can, for some seconds: flood <address> <port> <seconds>, or with "everywhere" behind it to other addresses
 * each time, from that one on and below 224.0.0.0. Prints how many, and its own CPU seconds. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define MULTICAST 0xe0000000u

static double seconds_of(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  int everywhere = argc == 5 && !strcmp(argv[4], "everywhere");
  if (argc != 4 && !everywhere) return 2;
  struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &target.sin_addr) != 1) return 2;
  int sender = socket(AF_INET, SOCK_DGRAM, 0);
  if (sender < 0 || (!everywhere && connect(sender, (struct sockaddr *)&target, sizeof target) != 0)) return 1;
  char payload[64] = {0};
  long packets = 0;
  uint32_t first = ntohl(target.sin_addr.s_addr), random = 1;
  for (double end = now() + atof(argv[3]); now() < end;)
    for (int round = 0; round < 100; round++) {
      if (everywhere) {
        random = random * 1664525u + 1013904223u; /* Numerical Recipes' generator */
        target.sin_addr.s_addr = htonl(first + random % (MULTICAST - first));
      }
      packets += (everywhere ? sendto(sender, payload, sizeof payload, 0, (struct sockaddr *)&target, sizeof target)
                             : send(sender, payload, sizeof payload, 0)) > 0;
    }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%ld %f\n", packets, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  return 0;
}
