/* sched/deque.c - see deque.h. */
#include "sched/deque.h"
#include "core/task.h"

struct task *deque_steal(struct deque *from, struct deque *own)
{
    for (;;) {
        uint32_t head = load_relaxed(&from->head); /* the CAS decides */
        uint32_t tail = load_acquire(&from->tail); /* pairs with deque_push */
        uint32_t n = tail - head;
        n -= n / 2;
        if (n == 0)
            return NULL;
        if (n > DEQUE_SLOTS / 2) /* head and tail were read too far apart */
            continue;
        uint32_t to = load_relaxed(&own->tail); /* ours */
        struct task *first = load_relaxed(&from->slot[head % DEQUE_SLOTS]);
        for (uint32_t i = 1; i < n; i++) {
            struct task *t = load_relaxed(&from->slot[(head + i) % DEQUE_SLOTS]);
            store_relaxed(&own->slot[(to + i - 1) % DEQUE_SLOTS], t);
        }
        /* release: pairs with the owner's load of head in deque_push; what is in the slots
         * the load of tail has brought */
        if (cas_release(&from->head, &head, head + n)) {
            store_release(&own->tail, to + n - 1); /* as in deque_push: for other thieves */
            return first;
        }
    }
}

struct task *deque_spill(struct deque *d, struct task **last, uint32_t *count)
{
    uint32_t head = load_relaxed(&d->head); /* the CAS decides */
    uint32_t n = DEQUE_SLOTS / 2;
    if (load_relaxed(&d->tail) - head < DEQUE_SLOTS)
        return NULL;
    struct task *t[DEQUE_SLOTS / 2];
    for (uint32_t i = 0; i < n; i++)
        t[i] = load_relaxed(&d->slot[(head + i) % DEQUE_SLOTS]);
    if (!cas_relaxed(&d->head, &head, head + n)) /* as in deque_pop */
        return NULL;
    for (uint32_t i = 0; i + 1 < n; i++)
        t[i]->run.next = &t[i + 1]->run;
    t[n - 1]->run.next = NULL;
    *last = t[n - 1];
    *count = n;
    return t[0];
}
