// A link between two namespaces with delay, rate, a tail-drop queue, loss and reordering: for kernels without netem.
// It makes a TUN interface in each namespace and passes IP packets between them, both ways alike.
//
//   link A:INTERFACE B:INTERFACE mtu=1500 rate=MBIT queue=BYTES delay=MS loss=PERCENT reorder=PERCENT late=MS seed=N
//
// delay is one way; reordered packets come "late" milliseconds after their turn. Prints "ready", and on SIGTERM counters.
// Each direction draws its own chance from the seed, one draw for loss and one for order of every packet: whoever uses
// the link with the same seed loses the same packets by their number.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CAPACITY = 1 << 16, LARGEST = 2048, AT_ONCE = 32 };

struct packet { uint64_t when, order; int length, slot; };

struct direction {
  int out;
  uint64_t idle_at;               // when the bottleneck has sent what it took
  uint64_t random_state;
  long came, lost, overflowed, reordered;
  struct packet heap[CAPACITY];   // by time of delivery
  int count;
};

static struct direction way[2];
static uint8_t *slots;
static int free_slots[2 * CAPACITY], free_count;
static double rate = 100, queue = 1 << 20, delay, loss, reorder, late = 1;
static int mtu = 1500;
static uint64_t seed = 1, orders;
static volatile sig_atomic_t ended;

static void fail(const char *what) { perror(what); exit(1); }

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

// splitmix64
static double chance(struct direction *d) {
  uint64_t z = d->random_state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return ((z ^ z >> 31) >> 11) / 9007199254740992.0;
}

static int sooner(const struct packet *a, const struct packet *b) {
  return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void push(struct direction *d, struct packet p) {
  int i = d->count++;
  for (; i > 0 && sooner(&p, &d->heap[(i - 1) / 2]); i = (i - 1) / 2)
    d->heap[i] = d->heap[(i - 1) / 2];
  d->heap[i] = p;
}

static struct packet pop(struct direction *d) {
  struct packet first = d->heap[0], last = d->heap[--d->count];
  int i = 0;
  for (int child; (child = 2 * i + 1) < d->count; i = child) {
    if (child + 1 < d->count && sooner(&d->heap[child + 1], &d->heap[child])) child++;
    if (!sooner(&d->heap[child], &last)) break;
    d->heap[i] = d->heap[child];
  }
  d->heap[i] = last;
  return first;
}

static int open_tun(const char *where) {
  char path[128];
  const char *colon = strchr(where, ':');
  if (!colon) { fprintf(stderr, "link: NAMESPACE:INTERFACE expected, not %s\n", where); exit(2); }
  snprintf(path, sizeof path, "/run/netns/%.*s", (int)(colon - where), where);
  int home = open("/proc/self/ns/net", O_RDONLY), there = open(path, O_RDONLY);
  if (home < 0 || there < 0 || setns(there, CLONE_NEWNET) < 0) fail(path);
  struct ifreq request = {0};
  strncpy(request.ifr_name, colon + 1, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK), control = socket(AF_INET, SOCK_DGRAM, 0);
  if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0) fail("TUN interface");
  request.ifr_mtu = mtu;
  if (ioctl(control, SIOCSIFMTU, &request) < 0) fail("MTU");
  // The queue before the bottleneck is ours; this one only has to take bursts.
  request.ifr_qlen = 10000;
  ioctl(control, SIOCSIFTXQLEN, &request);
  close(control);
  if (setns(home, CLONE_NEWNET) < 0) fail("setns");
  close(there);
  close(home);
  return tun;
}

static void take(struct direction *d, int slot, int length, uint64_t t) {
  d->came++;
  if (d->idle_at < t) d->idle_at = t;
  if ((d->idle_at - t) * rate / 8000 + length > queue || d->count == CAPACITY) {
    d->overflowed++;
  } else {
    // What is lost is lost behind the bottleneck.
    d->idle_at += length * 8000 / rate;
    int is_lost = chance(d) * 100 < loss, is_late = chance(d) * 100 < reorder;
    if (!is_lost) {
      struct packet p = {d->idle_at + (uint64_t)(delay * 1e6), orders++, length, slot};
      if (is_late) { p.when += late * 1e6; d->reordered++; }
      push(d, p);
      return;
    }
    d->lost++;
  }
  free_slots[free_count++] = slot;
}

static void deliver(struct direction *d, uint64_t t) {
  while (d->count && d->heap[0].when <= t) {
    struct packet p = pop(d);
    if (write(d->out, slots + (size_t)p.slot * LARGEST, p.length) < 0 && errno != EAGAIN && errno != EIO && errno != ENOBUFS)
      fail("write");
    free_slots[free_count++] = p.slot;
  }
}

static void option(const char *text) {
  static const struct { const char *name; double *value; } options[] = {
    {"rate", &rate}, {"queue", &queue}, {"delay", &delay}, {"loss", &loss}, {"reorder", &reorder}, {"late", &late},
  };
  const char *equals = strchr(text, '=');
  size_t length = equals ? equals - text : 0;
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    if (length == strlen(options[i].name) && !strncmp(text, options[i].name, length)) {
      char *rest;
      *options[i].value = strtod(equals + 1, &rest);
      if (rest == equals + 1 || *rest) { fprintf(stderr, "link: %s is no number\n", text); exit(2); }
      return;
    }
  if (!strncmp(text, "mtu=", 4)) mtu = atoi(text + 4);
  else if (!strncmp(text, "seed=", 5)) seed = strtoull(text + 5, 0, 10);
  else { fprintf(stderr, "link: what is %s?\n", text); exit(2); }
}

static void end(int signal) { (void)signal; ended = 1; }

int main(int count, char **arguments) {
  if (count < 3) { fprintf(stderr, "link A:INTERFACE B:INTERFACE [OPTION=VALUE...]\n"); return 2; }
  for (int i = 3; i < count; i++) option(arguments[i]);
  if (mtu > LARGEST) return 2;
  slots = malloc((size_t)2 * CAPACITY * LARGEST);
  for (int i = 2 * CAPACITY; i-- > 0;) free_slots[free_count++] = i;
  struct pollfd ends[2] = {{open_tun(arguments[1]), POLLIN, 0}, {open_tun(arguments[2]), POLLIN, 0}};
  way[0].out = ends[1].fd;
  way[1].out = ends[0].fd;
  for (int i = 0; i < 2; i++) way[i].random_state = (2 * seed + i) * 0x2545f4914f6cdd1d;
  prctl(PR_SET_TIMERSLACK, 1000);
  signal(SIGTERM, end);
  puts("ready");
  fflush(stdout);
  while (!ended) {
    uint64_t t = now(), next = UINT64_MAX;
    for (int i = 0; i < 2; i++)
      if (way[i].count && way[i].heap[0].when < next) next = way[i].heap[0].when;
    uint64_t wait = next > t ? next - t : 0;
    struct timespec timeout = {wait / 1000000000, wait % 1000000000};
    if (ppoll(ends, 2, next == UINT64_MAX ? 0 : &timeout, 0) < 0 && errno != EINTR) fail("ppoll");
    for (int i = 0; i < 2; i++)
      for (int k = 0; k < AT_ONCE && free_count > 0; k++) {
        int slot = free_slots[free_count - 1];
        int length = read(ends[i].fd, slots + (size_t)slot * LARGEST, LARGEST);
        if (length <= 0) break;
        free_count--;
        take(&way[i], slot, length, now());
      }
    for (int i = 0; i < 2; i++) deliver(&way[i], now());
  }
  for (int i = 0; i < 2; i++)
    printf("%c: came %ld, overflowed %ld, lost %ld, reordered %ld\n", "ab"[i], way[i].came, way[i].overflowed, way[i].lost, way[i].reordered);
  return 0;
}
