/* inside: what the parts of load share: load.c (sending), watch.c (the websocket, and the blocks afterwards). */
#ifndef NET_LOAD_INSIDE_H
#define NET_LOAD_INSIDE_H
#include "net/load/load.h"
#include "net/load/wire.h"

enum { LOAD_BLOCKS_MAX = 100000 };

double load_now(void); /* seconds of a clock that only goes forward */

/* When each block was announced. heights ascend by one. */
struct load_watch {
  int socket;
  char *in;
  size_t length, size;
  uint32_t count;
  uint64_t first_height;
  double *at; /* LOAD_BLOCKS_MAX */
};

/* load_watch_open subscribes to block headers; load_watch_take reads what is there and notes the time of each block. */
bool load_watch_open(struct load_watch *w, uint16_t port, struct why *why);
bool load_watch_take(struct load_watch *w, struct why *why);
void load_watch_shut(struct load_watch *w);

/* load_blocks reads blocks by height over one connection and shows each transaction; false with why. */
typedef void load_show(void *context, uint64_t height, const uint8_t *bytes, size_t length);
bool load_blocks(uint16_t port, uint64_t first, uint64_t last, load_show *show, void *context, struct why *why);

#endif
