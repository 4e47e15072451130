/* explore/hooks_keys.c - a thread's own values by keys, and what is done once.  Keys
 * that were made before main began (by constructors) are there in every schedule, with
 * the values that the first thread had given them.
 * Holds: of slots [0, keys_used) those in use say so; a key is its slot, FIRST_KEY
 * added, so that it is never taken for one of libc's own.
 * Tests: tests/explore/once.c, locals.c, calls_thread.c. */
#include "engine.h"
#include "gaps.h"
#include "keys.h"
#include "memory_inside.h"
#include "objects.h"
#include "options.h"
#include "real.h"
#include "schedule.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <threads.h>

enum { FIRST_KEY = 4096 };
typedef void drop_value(void *value);
static struct key { bool used; drop_value *drop; } keys[KEYS], keys_before[KEYS];
static void *values_before[KEYS];
static int keys_used, used_before;

void keys_open(void)
{
    used_before = keys_used;
    memcpy(keys_before, keys, sizeof keys);
}

void keys_reset(void)
{
    if (keys_used)
        memcpy(keys, keys_before, sizeof keys);
    keys_used = used_before;
}

/* The values of a new thread; thread 0's are those from before main. */
void keys_begin(struct thread *t)
{
    if (t->id == 0)
        memcpy(t->specific, values_before, sizeof t->specific);
    else if (keys_used)
        memset(t->specific, 0, sizeof t->specific);
}

void keys_end(struct thread *t)
{
    for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS; round++)
        for (int i = 0; i < keys_used; i++) {
            void *value = t->specific[i];
            t->specific[i] = NULL;
            if (value && keys[i].used && keys[i].drop)
                keys[i].drop(value);
        }
}

static bool ours(pthread_key_t key)
{
    return key >= FIRST_KEY && key < FIRST_KEY + KEYS;
}

/* Where this thread has its value; NULL if the key is none. */
static void **value_at(pthread_key_t key)
{
    int slot = (int)key - FIRST_KEY;
    if (!ours(key) || !keys[slot].used)
        return NULL;
    return ex.on ? &ex.me->specific[slot] : &values_before[slot];
}

static int key_create(unsigned *key, drop_value *drop, const void *pc)
{
    memory_writes(key, sizeof *key, pc);
    if (keys_used == KEYS) {
        gap("more than 128 keys: pthread_key_create() failed with EAGAIN");
        return EAGAIN;
    }
    for (int i = 0; ex.on && i < ex.threads; i++) /* what earlier schedules left */
        ex.thread[i].specific[keys_used] = NULL;
    keys[keys_used] = (struct key){ true, drop };
    *key = FIRST_KEY + (pthread_key_t)keys_used++;
    return 0;
}

exported int pthread_key_create(pthread_key_t *key, drop_value *drop)
{
    return options.explore ? key_create(key, drop, CALLER)
                           : REAL(pthread_key_create)(key, drop);
}

exported int tss_create(tss_t *key, tss_dtor_t drop)
{
    if (!options.explore)
        return REAL(tss_create)(key, drop);
    return key_create(key, drop, CALLER) ? thrd_error : thrd_success;
}

exported int pthread_key_delete(pthread_key_t key)
{
    if (!ours(key))
        return REAL(pthread_key_delete)(key);
    if (!value_at(key))
        return EINVAL;
    keys[key - FIRST_KEY].used = false;
    return 0;
}

exported void *pthread_getspecific(pthread_key_t key)
{
    if (!ours(key))
        return REAL(pthread_getspecific)(key);
    void **at = value_at(key);
    return at ? *at : NULL;
}

exported int pthread_setspecific(pthread_key_t key, const void *value)
{
    if (!ours(key))
        return REAL(pthread_setspecific)(key, value);
    void **at = value_at(key);
    if (!at)
        return EINVAL;
    *at = (void *)value;
    return 0;
}

int once_call(void *address, bool done, void (*run)(void), const void *pc)
{
    enum { FRESH, RUNNING, DONE };
    point(OP_ONCE, address, pc);
    struct object *o = object_of(address, OBJECT_ONCE);
    if (done)
        o->value = DONE;
    while (o->value == RUNNING)
        block(o, OP_ONCE, 0);
    if (o->value == FRESH) {
        o->value = RUNNING;
        o->owner = ex.me->id;
        run();
        o->value = DONE;
        release_clock(&o->clock);
        wake_all(o);
    }
    acquire_clock(&o->clock);
    return 0;
}

exported int pthread_once(pthread_once_t *once, void (*run)(void))
{
    if (!ex.on)
        return REAL(pthread_once)(once, run);
    return once_call(once, *once == 2, run, CALLER);
}
