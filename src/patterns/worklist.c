/* patterns/worklist.c - tutti_worklist: visit keys, each once, while visits find more.
 *
 * Visitors are tasks that take keys until none is ready; then they end, and whoever
 * adds a key starts another, up to the width.  So nobody waits for keys, an idle
 * list holds no stacks, and the list is over exactly when its scope has no task
 * left: no key can come any more, since only visits add them.
 * Tests: tests/worklist_test.c. */
#include "patterns/keys.h"
#include "patterns/typed.h"
#include <tutti/patterns.h>
#include <tutti/sync.h>

/* Holds: a ready key has a visitor that will look for it: visitors == width, or one
 * was started for it, or whoever made it ready is one.  lock guards keys, visitors,
 * failed. */
struct tutti_list {
    const tutti_work *work;
    tutti_scope *inner;
    tutti_mutex lock;
    struct keys keys;
    size_t width, visitors;
    uint64_t failed;
};

/* Visit one key: 0, or what ends the list. */
static int list_visit(tutti_list *l, struct key *key)
{
    int rc = tutti_check();
    if (rc < 0)
        return rc;
    rc = l->work->visit(l, (tutti_bytes){ key->data, key->size }, l->work->ctx);
    if (rc >= 0)
        return 0;
    int over = tutti_check();
    if (over < 0)
        return over; /* cut off, which is no failure of the visit */
    if (l->work->strict)
        return rc;
    tutti_mutex_lock(&l->lock);
    l->failed++;
    tutti_mutex_unlock(&l->lock);
    return 0;
}

static int visitor(void *arg)
{
    tutti_list *l = arg;
    struct key *key;
    int rc = 0;
    tutti_mutex_lock(&l->lock);
    while (rc == 0 && (key = keys_take(&l->keys))) {
        tutti_mutex_unlock(&l->lock);
        rc = list_visit(l, key);
        tutti_mutex_lock(&l->lock);
        keys_done(&l->keys, key);
    }
    l->visitors--;
    tutti_mutex_unlock(&l->lock);
    return rc;
}

int tutti_list_add(tutti_list *l, tutti_bytes key)
{
    if (!l || (key.size && !key.data))
        return tutti_fail(-EINVAL, "tutti_list_add: there is no %s", l ? "key" : "list");
    tutti_mutex_lock(&l->lock);
    int added = keys_add(&l->keys, key, l->work->group);
    int start = added > 0 && l->keys.ready.first && l->visitors < l->width;
    l->visitors += (size_t)start;
    tutti_mutex_unlock(&l->lock);
    int rc = start ? tutti_go(l->inner, visitor, l) : 0;
    if (rc < 0) {
        tutti_mutex_lock(&l->lock);
        l->visitors--;
        tutti_mutex_unlock(&l->lock);
    }
    return added < 0 ? tutti_fail(added,
                                  "tutti_list_add: no memory for a key of %zu bytes",
                                  key.size)
           : rc == -ENOMEM ? rc : added;
}

int tutti_worklist(tutti_scope *s, const tutti_work *w, tutti_bytes first)
{
    tutti_executor *ex;
    int rc = typed_executor("tutti_worklist", s, &ex);
    if (rc < 0)
        return rc;
    if (!w || w->size < sizeof *w || !w->visit || (first.size && !first.data))
        return tutti_fail(-EINVAL,
                          "tutti_worklist: it needs its size, a visit, and a first "
                          "key");
    ROOM(room, ex);
    TUTTI_SCOPE(inner, ex, TUTTI_NEVER, 0);
    tutti_list l = { .work = w, .inner = &inner };
    l.width = w->width ? w->width : 4 * (size_t)tutti_executor_workers(ex);
    keys_init(&l.keys, &room, w->most, w->per_group);
    rc = tutti_list_add(&l, first);
    rc = typed_close(&inner, rc < 0 ? rc : 0);
    if (rc < 0)
        return rc;
    return l.failed < INT32_MAX ? (int)l.failed : INT32_MAX;
}
