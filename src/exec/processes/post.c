/* exec/processes/post.c - sending: a task becomes jobs, a job a request in a lane.  All under
 * procs.latch.  Tests: tests/processes_test.c. */
#include "base/clock.h"
#include "base/futex.h"
#include "base/memory.h"
#include "core/record.h"
#include "exec/processes/names.h"
#include "exec/processes/procs.h"

enum { BLOCK = 64, JOB_BYTES = 256 << 10, FULL_STEP = 16 };

/* --- jobs and the queue ------------------------------------------------------------ */

struct job_block {
    struct job_block *next;
    struct job job[BLOCK];
};

struct job *job_new(struct procs *p)
{
    if (!p->spare) {
        struct job_block *b = memory_alloc(sizeof *b);
        if (!b)
            return NULL;
        b->next = p->blocks;
        p->blocks = b;
        for (int i = 0; i < BLOCK; i++) {
            b->job[i].next = p->spare;
            p->spare = &b->job[i];
        }
    }
    struct job *j = p->spare;
    p->spare = j->next;
    memset(j, 0, sizeof *j);
    return j;
}

void job_free(struct procs *p, struct job *j)
{
    if (j->input)
        arena_give(&p->arena, j->input, j->input_size);
    j->next = p->spare;
    p->spare = j;
}

void jobs_free(struct procs *p)
{
    while (p->blocks) {
        struct job_block *b = p->blocks;
        p->blocks = b->next;
        memory_free(b);
    }
    p->spare = NULL;
}

void queue_push(struct procs *p, struct job *j)
{
    j->next = NULL;
    *p->queue_end = j;
    p->queue_end = &j->next;
}

void queue_push_front(struct procs *p, struct job *j)
{
    j->next = p->queue;
    p->queue = j;
    if (!j->next)
        p->queue_end = &j->next;
}

struct job *queue_pop(struct procs *p)
{
    struct job *j = p->queue;
    p->queue = j->next;
    if (!p->queue)
        p->queue_end = &p->queue;
    return j;
}

/* --- one request -------------------------------------------------------------------- */

void lane_ring(struct procs *p, struct lane *l)
{
    unsigned i = (unsigned)(l - p->lane);
    struct lane_shared *s = head_lane(p->arena.head, i);
    /* seq_cst: pairs with serve_wait, which says that it sleeps and then looks for what was
     * posted, while this was posted before we look whether it sleeps. */
    if (load_seqcst(&head_own(p->arena.head, i)->asleep)) {
        add_release(&s->bell, 1); /* pairs with serve_wait's load */
        futex_wake_shared(&s->bell);
    }
}

/* Put the input where the worker can read it.  0 or -ENOMEM. */
static int request_input(struct procs *p, struct request *r, unsigned char *side,
                         struct job *j)
{
    const struct typed_task *t = typed_of(j->task);
    const unsigned char *from = t->in.data;
    uint64_t size = t->in.size, each = t->task.type->in_size;
    if (t->batch) {
        size = each * j->runs;
        from = (const unsigned char *)t->batch->in + each * j->from;
    }
    r->in_size = size;
    if (size <= REQUEST_INLINE) {
        r->in = PLACE_INLINE;
        memcpy(r->inline_, from, size);
    } else if (size <= SIDE) {
        r->in = PLACE_SIDE;
        memcpy(side, from, size);
    } else if (!j->input && arena_reaches(&p->arena, from, size)) {
        r->in = (uint64_t)(uintptr_t)from - p->arena.head->base;
    } else {
        if (!j->input) { /* kept when the job has to go out again */
            j->input = arena_take(&p->arena, size);
            if (!j->input)
                return -ENOMEM;
            j->input_size = size;
            memcpy(j->input, from, size);
        }
        r->in = (uint64_t)(uintptr_t)j->input - p->arena.head->base;
    }
    return 0;
}

/* The number of the next request.  Where one that still runs has its slot that number is left
 * out, and its slot comes again in a round. */
static uint64_t lane_next(struct lane *l)
{
    assert(l->out < RING);
    while (l->head - l->tail == RING) {
        if (l->collected[l->tail % RING])
            l->collected[l->tail % RING] = false;
        else
            l->head++;
        l->tail++;
    }
    return l->head;
}

static int lane_post(struct procs *p, struct lane *l, struct job *j, int64_t deadline)
{
    struct lane_shared *s = head_lane(p->arena.head, (unsigned)(l - p->lane));
    uint64_t number = lane_next(l);
    struct request *r = &s->request[number % RING];
    int rc = request_input(p, r, s->side[number % RING], j);
    if (rc < 0)
        return rc;
    r->name = (uint32_t)j->task->type->kept[NAME_KEPT];
    r->runs = j->runs;
    r->stops = j->split && !typed_of(j->task)->batch->codes;
    store_relaxed(&r->asked, 0); /* the tag releases it */
    r->deadline = deadline;
    r->index = j->split ? j->from : j->task->index;
    l->job[number % RING] = j;
    l->number[number % RING] = number;
    l->head++;
    l->out++;
    l->queued++;
    /* seq_cst: pairs with serve_wait, see lane_ring; releases the request */
    store_seqcst(&r->tag, number << REQUEST_BITS | REQUEST_READY);
    if (*p->url->inner)
        store_seqcst(&s->posted, l->head); /* the same, for the numbers left out */
    lane_ring(p, l);
    return 0;
}

/* --- feeding ------------------------------------------------------------------------- */

/* The lane with the least to do, of those one that is awake rather than one to be woken;
 * NULL: all are full. */
static struct lane *lane_choose(struct procs *p)
{
    struct lane *best = NULL;
    unsigned least = UINT32_MAX, n = procs_lanes(p);
    for (unsigned k = 0, i = p->next; k < n && least; k++, i = i + 1 == n ? 0 : i + 1) {
        struct lane *l = &p->lane[i];
        if (l->out >= RING || !lane_lives(l))
            continue;
        /* relaxed: a hint */
        unsigned cost = l->queued * 2 + load_relaxed(&head_own(p->arena.head, i)->asleep);
        if (cost < least) {
            best = l;
            least = cost;
        }
    }
    if (best)
        p->next = (unsigned)(best - p->lane) + 1 == n ? 0 : (unsigned)(best - p->lane) + 1;
    return best;
}

/* May j go out?  When not it has been ended. */
static bool job_begin(struct procs *p, struct job *j, int64_t *deadline)
{
    int rc = scope_over_start(j->task->scope, deadline);
    if (rc == 0 && j->asked) /* to end, of a worker that has not begun it after all */
        rc = j->ask_code;
    if (rc == 0 && j->task->record && !j->begun && !record_begin(j->task->record, NULL))
        rc = -ECANCELED;
    if (rc == 0 && j->split && j->split->code < 0 && !typed_of(j->task)->batch->codes)
        rc = -ECANCELED; /* the first failure ends the batch */
    if (rc < 0) {
        job_end(p, j, TUTTI_CUT, rc, 0, NULL);
        return false;
    }
    j->begun = true;
    return true;
}

void queue_feed(struct procs *p)
{
    struct lane *l;
    while (p->queue && !p->broken && (l = lane_choose(p))) {
        struct job *j = queue_pop(p);
        int64_t deadline;
        if (!job_begin(p, j, &deadline))
            continue;
        int rc = lane_post(p, l, j, deadline);
        if (rc < 0)
            job_end(p, j, TUTTI_FAILED, rc, 0,
                    memory_strdup("the arena has no room for the input; give it more by "
                                  "?arena=, or a file by ?spill="));
        else
            keeper_wake_by(p, deadline);
    }
}

/* Of a lane whose requests begin in any order: no need to revoke it. */
static bool lane_has_begun(struct own *own, uint64_t number)
{
    return load_relaxed(&own->answer[number % RING].tag) >> ANSWER_BITS == number; /* a hint */
}

unsigned lane_revoke(struct procs *p, struct lane *l, unsigned n)
{
    unsigned i = (unsigned)(l - p->lane), taken = 0;
    bool many = *p->url->inner;
    struct lane_shared *s = head_lane(p->arena.head, i);
    struct own *own = head_own(p->arena.head, i);
    for (uint64_t at = l->head; at-- > l->tail && taken < n;) {
        uint64_t number = l->number[at % RING];
        struct job *j = l->job[at % RING];
        if (!j || (many && lane_has_begun(own, number)))
            continue;
        /* seq_cst, both: pairs with serve_claim; see shared.h */
        store_seqcst(&s->request[number % RING].tag,
                     number << REQUEST_BITS | REQUEST_REVOKED);
        bool has = load_seqcst(&own->answer[number % RING].tag) >> ANSWER_BITS == number;
        if (has && many)
            continue; /* its answer will say what came of it */
        if (has)
            break; /* older ones too */
        l->job[number % RING] = NULL;
        l->queued--;
        queue_push_front(p, j);
        taken++;
    }
    return taken;
}

/* --- starts --------------------------------------------------------------------------- */

static struct job *job_for(struct procs *p, struct task *t, bool at_home)
{
    struct job *j = job_new(p);
    if (j) {
        j->task = t;
        j->runs = 1;
        j->at_home = at_home;
        p->at_home += at_home;
    }
    return j;
}

/* How many runs go out together: as many as share the work out, none too large. */
static size_t split_runs(const struct procs *p, struct task *t)
{
    size_t each = t->type->in_size > t->type->out_size ? t->type->in_size
                                                        : t->type->out_size;
    size_t fits = JOB_BYTES / (each ? each : 1);
    size_t all = typed_of(t)->batch->n, parts = procs_lanes(p) * 4;
    size_t fair = (all + parts - 1) / parts;
    size_t n = fair < fits ? fair : fits;
    return n ? n : 1;
}

static int procs_submit_batch(struct procs *p, struct task *t, bool at_home)
{
    struct split *s = memory_zalloc(sizeof *s);
    size_t all = typed_of(t)->batch->n;
    size_t each = split_runs(p, t);
    struct job *first = NULL, **end = &first;
    if (!s)
        return -ENOMEM;
    s->task = t;
    for (size_t from = 0; from < all || from == 0; from += each) {
        struct job *j = job_for(p, t, at_home);
        if (!j) {
            while ((j = first)) {
                first = j->next;
                p->at_home -= at_home;
                job_free(p, j);
            }
            memory_free(s);
            return -ENOMEM;
        }
        j->split = s;
        j->from = from;
        j->runs = (uint32_t)(all - from < each ? all - from : each);
        s->jobs++;
        j->next = NULL;
        *end = j;
        end = &j->next;
    }
    p->outstanding += s->jobs;
    while (first) {
        struct job *j = first;
        first = j->next;
        queue_push(p, j);
    }
    return 0;
}

int procs_submit(struct procs *p, struct task *t, bool at_home)
{
    int rc = p->broken ? why_set(-TUTTI_ELOST, "%s", p->broken) : name_of(p, t->type);
    if (rc < 0)
        return rc;
    if (typed_of(t)->batch) {
        rc = procs_submit_batch(p, t, at_home);
    } else {
        struct job *j = job_for(p, t, at_home);
        rc = j ? 0 : -ENOMEM;
        if (j) {
            p->outstanding++;
            queue_push(p, j);
        }
    }
    if (rc < 0)
        return why_set(rc, "out of memory");
    p->started++;
    if (p->queue)
        queue_feed(p);
    /* All lanes are full: who starts more makes room itself, rather than pile up what the
     * keeper, on another CPU than there is, would have to send. */
    if (p->queue && p->started % FULL_STEP == 0)
        procs_collect(p);
    return 0;
}
