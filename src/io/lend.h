/* io/lend.h - the buffers of one ring, which the kernel picks from when data has come, so
 * that who waits needs none.  See ring.h for who may lend and give back. */
#ifndef IO_LEND_H
#define IO_LEND_H
#include "io/ring.h"

struct io_uring;
struct lender *lender_open(struct io_uring *u); /* NULL: no memory, or not granted */
void lender_close(struct lender *l);  /* the ring is gone; what is lent stays good */
/* By the ring's owner: hand what came back to the kernel. */
void lender_refill(struct lender *l);
#endif
