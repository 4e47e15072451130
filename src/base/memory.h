/* base/memory.h - the only way this library takes memory and other scarce things from
 * the system, so that tests can make the n-th request fail (tests/fault_test.c).
 * Never aborts: every caller handles NULL. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H
#include <stdbool.h>
#include <stddef.h>

void *memory_alloc(size_t size);            /* malloc, or NULL */
void *memory_zalloc(size_t size);           /* zeroed */
void *memory_realloc(void *p, size_t size); /* on NULL p is untouched */
void *memory_aligned(size_t align, size_t size); /* zeroed; free as the others */
char *memory_strdup(const char *s);
void memory_free(void *p);                  /* NULL is fine */

/* Ask before any other thing that can run out (a mapping, a thread, a descriptor):
 * true when a test wants this one to fail. */
bool fault_now(void);
/* Let the n-th request from now fail (1: the next), and, if `on`, all later ones too;
 * 0: none.  Returns how many requests there were since the last call.  Tests only. */
long fault_arm(long n, bool on);
#endif
