/* base/cpus.h - how many CPUs this process may use: the least of its affinity mask and
 * of the CPU quota of every cgroup above it, v1 and v2, rounded up, at least 1.
 * Go and others look at the leaf only (golang/go 81180).  Tests: tests/cpus_test.c. */
#ifndef BASE_CPUS_H
#define BASE_CPUS_H
#include "base/atomic.h"

unsigned cpus_granted(void);
/* Where it looks for them: "/" but in tests. */
extern const char *_Atomic cpus_root;
/* The same with another root than "/", for tests over a made-up tree of
 * <root>/proc/self/{cgroup,mountinfo} and the cgroup files they lead to; 0: no quota
 * found (affinity not looked at).  hundredths: CPUs times 100, not rounded. */
unsigned cpus_quota(const char *root);
#endif
