/* explore/near.c - libtutti-explore-near, which `tutti cc` links into each program: the
 * hooks before plain accesses once more, so that a program that is not explored pays a
 * near call and a compare for each and not the way into another library.  In a program
 * that explores they jump on to the library's, which sees who called.
 * Tests: tests/cc_test.sh (what it builds runs and is explored). */
#include "near.h"

#define inside __attribute__((visibility("hidden")))
static bool exploring;

__attribute__((constructor(101))) static void begin(void)
{
    tutti_explore_near(&exploring);
}

#define ACCESS(name, size, writes)                                            \
    void tutti_explore_##name##size(void *a);                                 \
    inside void __tsan_##name##size(void *a);                                 \
    void __tsan_##name##size(void *a)                                         \
    {                                                                         \
        if (__builtin_expect(exploring, 0))                                   \
            tutti_explore_##name##size(a);                                    \
    }
ACCESSES(ACCESS)

void tutti_explore_func_entry(void *caller);
inside void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    if (__builtin_expect(exploring, 0))
        tutti_explore_func_entry(caller);
}

void tutti_explore_func_exit(void);
inside void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
    if (__builtin_expect(exploring, 0))
        tutti_explore_func_exit();
}
