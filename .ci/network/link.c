// A switch whose links have a delay and a rate, for interfaces of this machine: what tc's netem does, for
// kernels that were built without it.
//
//     link DELAY_MICROSECONDS MEGABITS_PER_SECOND INTERFACE...
//
// Every interface is a port. A frame leaves its sender at the link's rate, one after another, and arrives after
// the delay at the port that its destination was last heard on, or at all. Headers of packets larger than the
// wire's (GSO) and of checksums yet to be computed are passed on as they are, so that a frame is up to 64 KB.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PORTS = 16, FRAME = (1 << 16) + 256, ADDRESSES = 256 };

typedef struct frame {
  struct frame *next;
  int64_t due;  // nanoseconds
  size_t bytes;
  char data[];  // struct virtio_net_hdr, then the frame
} frame;

typedef struct port {
  int socket;
  int64_t free;  // when the link into the switch has sent what was given to it
  frame *first;
} port;

static port ports[PORTS];
static int port_count;
static struct {
  uint8_t address[6];
  int port;
} known[ADDRESSES];
static int known_count;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int *place(const uint8_t *address) {
  for (int i = 0; i < known_count; i++)
    if (!memcmp(known[i].address, address, 6)) return &known[i].port;
  return NULL;
}

static void learn(const uint8_t *address, int from) {
  int *found = place(address);
  if (found) {
    *found = from;
  } else if (known_count < ADDRESSES) {
    memcpy(known[known_count].address, address, 6);
    known[known_count++].port = from;
  }
}

static void open_port(const char *name) {
  int one = 1;
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  address.sll_ifindex = (int)if_nametoindex(name);
  if (!address.sll_ifindex) fail(name);
  int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
  if (descriptor < 0) fail("socket");
  if (setsockopt(descriptor, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one)) fail("PACKET_VNET_HDR");
  // What this program sends must not come back to it.
  if (setsockopt(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one))
    fail("PACKET_IGNORE_OUTGOING");
  int buffer = 64 << 20;
  setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  if (bind(descriptor, (struct sockaddr *)&address, sizeof address)) fail("bind");
  port *new = &ports[port_count++];
  *new = (port){.socket = descriptor};
}

// The outgoing queue of port `to` takes a copy.
static void queue(int to, const char *data, size_t bytes, int64_t due) {
  frame *copy = malloc(sizeof *copy + bytes);
  if (!copy) fail("malloc");
  *copy = (frame){.due = due, .bytes = bytes};
  memcpy(copy->data, data, bytes);
  // Behind what is due before it: frames of different senders meet here.
  frame **at = &ports[to].first;
  while (*at && (*at)->due <= due) at = &(*at)->next;
  copy->next = *at;
  *at = copy;
}

static void receive(int from, int64_t delay, double nanoseconds_a_byte) {
  static char data[FRAME];
  for (;;) {
    ssize_t bytes = recv(ports[from].socket, data, sizeof data, 0);
    if (bytes < (ssize_t)(sizeof(struct virtio_net_hdr) + sizeof(struct ether_header))) return;
    const uint8_t *ethernet = (uint8_t *)data + sizeof(struct virtio_net_hdr);
    learn(ethernet + 6, from);
    int64_t start = now();
    if (ports[from].free > start) start = ports[from].free;
    ports[from].free = start + (int64_t)((double)bytes * nanoseconds_a_byte);
    int64_t due = ports[from].free + delay;
    int *to = ethernet[0] & 1 ? NULL : place(ethernet);
    for (int other = 0; other < port_count; other++)
      if (other != from && (!to || *to == other)) queue(other, data, (size_t)bytes, due);
  }
}

// Sends what is due; when the next frame is.
static int64_t deliver(void) {
  int64_t next = INT64_MAX, time = now();
  for (int i = 0; i < port_count; i++) {
    frame *first;
    while ((first = ports[i].first) && first->due <= time) {
      ports[i].first = first->next;
      // A full buffer loses the frame, as a switch would.
      if (send(ports[i].socket, first->data, first->bytes, 0) < 0 && getenv("LINK_VERBOSE"))
        perror("send");
      free(first);
    }
    if (first && first->due < next) next = first->due;
  }
  return next;
}

int main(int count, char **arguments) {
  if (count < 5 || count - 3 > PORTS) {
    fprintf(stderr, "usage: link DELAY_MICROSECONDS MEGABITS_PER_SECOND INTERFACE INTERFACE...\n");
    return 64;
  }
  int64_t delay = (int64_t)(1e3 * atof(arguments[1]));
  double nanoseconds_a_byte = 8e3 / atof(arguments[2]);
  // Frames are due whatever else computes.
  struct sched_param priority = {.sched_priority = 10};
  sched_setscheduler(0, SCHED_FIFO, &priority);
  prctl(PR_SET_TIMERSLACK, 1);
  for (int i = 3; i < count; i++) open_port(arguments[i]);
  struct pollfd waits[PORTS];
  for (int i = 0; i < port_count; i++) waits[i] = (struct pollfd){ports[i].socket, POLLIN, 0};
  for (;;) {
    int64_t next = deliver(), left = next - now();
    struct timespec wait = {left / 1000000000, left % 1000000000};
    if (left > 0) ppoll(waits, (nfds_t)port_count, next == INT64_MAX ? NULL : &wait, NULL);
    for (int i = 0; i < port_count; i++) receive(i, delay, nanoseconds_a_byte);
  }
}
