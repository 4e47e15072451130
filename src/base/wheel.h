/* base/wheel.h - timers of one owner: a hierarchical timing wheel (Varghese and Lauck
 * 1987), 64 slots a level, arm and cancel in constant time.  Not safe for threads: each
 * worker has its own.  A timer never fires early; it may fire up to one tick late.
 * Tests: tests/wheel_test.c. */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H
#include "base/list.h"
#include "base/small.h"
#include <stdint.h>

enum { WHEEL_BITS = SMALL(6, 2), WHEEL_SLOTS = 1 << WHEEL_BITS,
       WHEEL_LEVELS = 48 / WHEEL_BITS };
enum { WHEEL_TICK_SHIFT = 16 }; /* a tick is 2^16 ns, 65.5 us */

/* Holds: armed, its link is in one slot of one wheel, and `when` does not change. */
struct wheel_timer {
    struct list link; /* next NULL: not armed */
    int64_t when;     /* monotonic ns */
};

/* Holds: every armed timer is in the slot that its tick and `now` choose; bit i of
 * full[level] is set if and only if slot[level][i] is not empty; count is the number
 * of armed timers.  wheel_check() asserts it. */
struct wheel {
    uint64_t now;   /* in ticks: all earlier ones have fired */
    size_t count;
    uint64_t full[WHEEL_LEVELS];
    struct list slot[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, int64_t now);
/* t must not be armed.  A time that has passed fires at the next wheel_pop. */
void wheel_arm(struct wheel *w, struct wheel_timer *t, int64_t when);
/* Fine when t is not armed. */
void wheel_cancel(struct wheel *w, struct wheel_timer *t);
/* A timer whose time has come by `now`, taken out; NULL: none.  Call until NULL. */
struct wheel_timer *wheel_pop(struct wheel *w, int64_t now);
/* The time until which nothing fires, exact to a tick unless many timers lie close to each
 * other far ahead, and never too late; INT64_MAX when none is armed. */
int64_t wheel_next(const struct wheel *w);
void wheel_check(const struct wheel *w);
#endif
