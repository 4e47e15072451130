/* explore/hooks_cxx.c - C++'s guards of static locals.  The compiler looks at a guard's
 * first byte by itself, as an acquiring load; the rest is in the language's library,
 * which no hook sees.
 * Tests: tests/cells/cxx.cc. */
#include "engine.h"
#include "model.h"
#include "objects.h"
#include "real.h"
#include "schedule.h"

enum { FRESH, RUNNING, DONE };

exported int __cxa_guard_acquire(uint8_t *guard);
int __cxa_guard_acquire(uint8_t *guard)
{
    if (!ex.on)
        return REAL(__cxa_guard_acquire)(guard);
    point(OP_ONCE, guard, CALLER);
    struct object *o = object_of(guard, OBJECT_ONCE);
    while (o->value == RUNNING)
        block(o, OP_ONCE, 0);
    if (*guard || o->value == DONE) {
        acquire_clock(&o->clock);
        return 0;
    }
    o->value = RUNNING;
    o->owner = ex.me->id;
    return 1;
}

exported void __cxa_guard_release(uint8_t *guard);
void __cxa_guard_release(uint8_t *guard)
{
    if (!ex.on) {
        REAL(__cxa_guard_release)(guard);
        return;
    }
    point(OP_ONCE, guard, CALLER);
    struct object *o = object_of(guard, OBJECT_ONCE);
    model_store(guard, 1, *guard, 1, __ATOMIC_RELEASE);
    *guard = 1;
    o->value = DONE;
    release_clock(&o->clock);
    wake_all(o);
}

exported void __cxa_guard_abort(uint8_t *guard);
void __cxa_guard_abort(uint8_t *guard)
{
    if (!ex.on) {
        REAL(__cxa_guard_abort)(guard);
        return;
    }
    struct object *o = object_of(guard, OBJECT_ONCE);
    o->value = FRESH;
    wake_all(o);
}
