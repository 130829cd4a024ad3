/* Prints, for each nftables transaction of its network namespace that changed elements of named maps or sets, the CLOCK_MONOTONIC time in
 * milliseconds at which the kernel's own notification of the commit was here. Packets have met the new elements since slightly before. */
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
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
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* Sets that nft makes for one rule, such as { 80, 443 }, are named __set0, __map1 …: they come with their rule, and switch nothing. */
static int is_named_set(const struct nlmsghdr *message) {
  const char *end = (const char *)message + message->nlmsg_len;
  const char *at = (const char *)NLMSG_DATA(message) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
  while (at + sizeof(struct nlattr) <= end) {
    const struct nlattr *attribute = (const struct nlattr *)at;
    if ((attribute->nla_type & NLA_TYPE_MASK) == NFTA_SET_ELEM_LIST_SET) return strncmp(at + NLA_HDRLEN, "__", 2) != 0;
    at += NLA_ALIGN(attribute->nla_len);
  }
  return 0;
}

int main(void) {
  static char buffer[1 << 20];
  int group = NFNLGRP_NFTABLES, room = 64 << 20, changed = 0;
  int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
  struct sockaddr_nl self = {.nl_family = AF_NETLINK};
  if (s < 0 || bind(s, (struct sockaddr *)&self, sizeof self)) fail("netlink");
  if (setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room)) fail("receive buffer");
  if (setsockopt(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group)) fail("subscribe");
  puts("ready");
  fflush(stdout);
  for (;;) {
    ssize_t length = recv(s, buffer, sizeof buffer, 0);
    double at = now();
    if (length < 0) fail("receive");
    for (struct nlmsghdr *message = (struct nlmsghdr *)buffer; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
      int type = NFNL_MSG_TYPE(message->nlmsg_type);
      if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES) continue;
      if (type == NFT_MSG_NEWSETELEM || type == NFT_MSG_DELSETELEM) changed |= is_named_set(message);
      if (type != NFT_MSG_NEWGEN) continue;
      if (changed) printf("%.3f\n", at), fflush(stdout);
      changed = 0;
    }
  }
}
