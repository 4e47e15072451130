/* base/slice.h - how soon a thread gets a CPU that another thread computes on.  Since Linux
 * 6.12 a thread may ask for slices of its own length: one that wakes with a short one goes
 * before one with a longer one, whoever has had less so far.  What it gets in all does not
 * change.  Older kernels take no notice.  Tests: tests/watch_test.c. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H
#include <stdint.h>

#define SLICE_SHORT INT64_C(100000) /* ns: the least that there is */
#define SLICE_USUAL INT64_C(0)      /* the kernel's own */

/* For the calling thread; errno is kept. */
void slice_set(int64_t ns);
#endif
