/* exec/processes/collect.c - results come home.  What an own block holds is a worker's word:
 * each field is read once, into memory of ours, and checked; a worker that writes rubbish is
 * killed, and its requests fare as if it had crashed.  All under procs.latch.
 * Tests: tests/processes_test.c, tests/processes_inside_test.c. */
#include "base/clock.h"
#include "base/memory.h"
#include "core/record.h"
#include "exec/processes/procs.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What an answer says, checked.  Holds: at[0..size) lies in the worker's own block or in its
 * outbox. */
struct said {
    int code;
    uint32_t done;
    const unsigned char *at;
    uint64_t size;
    bool boxed;     /* in the outbox: to be given back */
    char *words;    /* owned; NULL: none */
};

/* --- outbox blocks go back ------------------------------------------------------------- */

/* Home has read the block.  When the list to the worker is full the block stays lost until
 * the worker is replaced: it has taken none of 256. */
static void outbox_release(struct procs *p, struct lane *l, uint64_t offset, uint64_t size)
{
    unsigned i = (unsigned)(l - p->lane);
    struct lane_shared *s = head_lane(p->arena.head, i);
    latch_lock(&l->release_latch);
    uint64_t in, box = p->arena.head->outs
                       + head_box(p->arena.head, offset, &in) * p->arena.head->out_size;
    uint64_t n = load_relaxed(&s->released); /* under the latch */
    uint64_t seen = load_acquire(&head_own(p->arena.head, i)->seen); /* outbox_hear */
    if (box == l->outbox && head_is_spill(p->arena.head, offset)) /* the worker may be long */
        madvise(head_at(p->arena.head, offset), whole_pages(size), MADV_REMOVE);
    if (box == l->outbox && seen <= n && n - seen < RELEASES) {
        s->release[n % RELEASES] = in / EXTENT_PAGE << 32
                                   | (size + EXTENT_PAGE - 1) / EXTENT_PAGE;
        store_release(&s->released, n + 1); /* pairs with outbox_hear */
    }
    latch_unlock(&l->release_latch);
}

/* Somebody's future held a result where the worker had put it.  Any thread. */
static void result_give(struct tutti_out *o)
{
    struct procs *p = o->ctx;
    uint64_t offset = (uint64_t)(uintptr_t)o->data - p->arena.head->base;
    uint64_t in, box = p->arena.head->outs
                       + head_box(p->arena.head, offset, &in) * p->arena.head->out_size;
    for (unsigned i = 0; i < procs_lanes(p); i++)
        outbox_release(p, &p->lane[i], offset, o->size);
    arena_outbox_drop(&p->arena, box);
}

/* --- what an answer says ------------------------------------------------------------------ */

/* false: rubbish. */
static bool answer_place(struct procs *p, struct lane *l, const struct answer *a,
                         const unsigned char *side, struct said *said)
{
    const struct head *h = p->arena.head;
    uint64_t out = a->out, size = a->size;
    said->size = size;
    said->boxed = false;
    if (out == PLACE_INLINE || out == PLACE_SIDE) {
        said->at = out == PLACE_INLINE ? a->inline_ : side;
        return size <= (out == PLACE_INLINE ? (uint64_t)ANSWER_INLINE : (uint64_t)SIDE);
    }
    said->boxed = true;
    said->at = head_at(h, out);
    uint64_t in, box = head_box(h, l->outbox, &in), from = l->outbox, room = h->out_size;
    if (head_is_spill(h, out)) {
        from = head_spill_box(h, (unsigned)box);
        room = h->spill_part;
    }
    return out >= from && out % EXTENT_PAGE == 0 && out - from < room
           && size <= room - (out - from);
}

static bool answer_read(struct procs *p, struct lane *l, const struct answer *shared,
                        const unsigned char *side, struct said *said)
{
    struct answer a;
    said->code = *(const volatile int32_t *)&shared->code; /* each once */
    said->done = load_acquire(&((struct answer *)(uintptr_t)shared)->done);
    a.out = *(const volatile uint64_t *)&shared->out;
    a.size = *(const volatile uint64_t *)&shared->size;
    uint32_t words = *(const volatile uint32_t *)&shared->words;
    said->words = NULL;
    if (!answer_place(p, l, &a, side, said) || words > SIDE)
        return false;
    if (said->at == a.inline_)
        said->at = shared->inline_;
    if (words && (said->words = memory_alloc(words + 1))) {
        memcpy(said->words, side + SIDE - words, words);
        said->words[words] = 0;
    }
    return true;
}

/* --- ends ------------------------------------------------------------------------------- */

static tutti_end end_of(const struct job *j, int code)
{
    int64_t deadline;
    if (code >= 0)
        return TUTTI_OK;
    bool cut = (code == -ECANCELED || code == -ETIMEDOUT)
               && (j->asked || scope_over_start(j->task->scope, &deadline) < 0);
    return cut ? TUTTI_CUT : TUTTI_FAILED;
}

/* The last job of a batch has ended. */
static void split_end(struct procs *p, struct split *s)
{
    struct task *t = s->task;
    bool keeps = typed_of(t)->batch->codes != NULL;
    tutti_end end = keeps || s->code >= 0 ? TUTTI_OK : s->end;
    int code = keeps ? s->failures : s->code;
    (void)p;
    if (end == TUTTI_OK) {
        memory_free(s->words);
        s->words = NULL;
    }
    task_end(t, end, code, end == TUTTI_OK ? 0 : s->signal, s->words);
    memory_free(s);
}

/* One run of a batch failed. */
static void split_failed(struct split *s, size_t run, tutti_end end, int code, int signal,
                         char *words)
{
    if (typed_of(s->task)->batch->codes)
        typed_of(s->task)->batch->codes[run] = code;
    s->failures++;
    if (s->code < 0 && s->failed <= run) { /* what is told is the first in order */
        memory_free(words);
        return;
    }
    memory_free(s->words);
    s->words = words;
    s->code = code;
    s->failed = run;
    s->end = end;
    s->signal = signal;
}

void job_run_failed(struct job *j, tutti_end end, int code, int signal, char *words)
{
    split_failed(j->split, j->from, end, end == TUTTI_CUT ? -ECANCELED : code, signal, words);
}

void job_finish(struct procs *p, struct job *j)
{
    struct split *s = j->split;
    p->outstanding--;
    p->at_home -= j->at_home;
    job_free(p, j);
    if (s && --s->jobs == 0)
        split_end(p, s);
}

void job_end(struct procs *p, struct job *j, tutti_end end, int code, int signal,
             char *words)
{
    struct task *t = j->task;
    if (!j->split) {
        job_finish(p, j);
        task_end(t, end, code, signal, words);
        return;
    }
    for (uint32_t i = 0; i < j->runs; i++) {
        /* Those that never began because another failed are no failures of their own. */
        if (end == TUTTI_CUT && j->split->code < 0 && !typed_of(t)->batch->codes)
            break;
        split_failed(j->split, j->from + i, end, end == TUTTI_CUT ? -ECANCELED : code,
                     signal, i ? NULL : words);
        words = NULL;
    }
    memory_free(words);
    job_finish(p, j);
}

/* --- answers ------------------------------------------------------------------------------ */

/* The result of a single run becomes its future's.  0, or why it cannot. */
static int single_result(struct procs *p, struct lane *l, struct job *j,
                         struct said *said)
{
    struct record *r = j->task->record;
    if (!r || said->code < 0)
        return said->code;
    if (said->boxed && said->size > SIDE) { /* read where it is, given back when released */
        r->out = (struct tutti_out){ .data = (unsigned char *)(uintptr_t)said->at,
                                     .size = said->size,
                                     .room = said->size,
                                     .owned = true,
                                     .give = result_give,
                                     .ctx = p };
        arena_outbox_hold(&p->arena, l->outbox);
        said->boxed = false;
        return said->code;
    }
    return record_result(r, said->at, said->size) < 0 ? -ENOMEM : said->code;
}

static void single_take(struct procs *p, struct lane *l, struct job *j, struct said *said)
{
    uint32_t wants = j->task->type->out_size;
    int code = said->code;
    if (code >= 0 && wants && said->size != wants)
        code = -EMSGSIZE; /* a worker gone mad: task_call checks it there */
    code = code < 0 ? code : single_result(p, l, j, said);
    if (code < 0 && j->asked && code == -ECANCELED)
        code = j->ask_code;
    char *words = said->words;
    said->words = NULL;
    job_end(p, j, end_of(j, code), code, 0, words);
}

/* Runs [0, done) of j have results in said. */
static void batch_take(struct job *j, struct said *said, uint32_t done)
{
    const tutti_task *t = j->task->type;
    const tutti_batch *b = typed_of(j->task)->batch;
    uint64_t outs = ((uint64_t)t->out_size * j->runs + 15) / 16 * 16;
    const int32_t *codes = (const int32_t *)(const void *)(said->at + outs);
    if (j->runs == 1)
        codes = &said->code;
    if (b->out && t->out_size)
        memcpy((char *)b->out + j->from * t->out_size, said->at,
               (size_t)t->out_size * done);
    for (uint32_t i = 0; i < done; i++) {
        int code = *(const volatile int32_t *)&codes[i];
        if (code < 0) {
            split_failed(j->split, j->from + i, end_of(j, code), code, 0, said->words);
            said->words = NULL;
        } else if (b->codes) {
            b->codes[j->from + i] = code;
        }
    }
}

/* Does what it says fit the runs that were sent? */
static bool batch_fits(const struct job *j, const struct said *said, uint32_t done)
{
    uint64_t outs = (uint64_t)j->task->type->out_size * j->runs;
    uint64_t needs = j->runs == 1 ? outs : (outs + 15) / 16 * 16 + j->runs * sizeof(int32_t);
    return done <= j->runs && (done == 0 || said->size >= needs);
}

static bool job_take(struct procs *p, struct lane *l, struct job *j,
                     const struct answer *a, const unsigned char *side)
{
    struct said said;
    if (!answer_read(p, l, a, side, &said))
        return false;
    uint64_t offset = (uint64_t)(said.at - (const unsigned char *)p->arena.head);
    if (!j->split) {
        single_take(p, l, j, &said);
    } else if (said.code < 0 && said.size == 0 && j->runs > 1) {
        job_end(p, j, end_of(j, said.code), said.code, 0, said.words); /* none was run */
        said.words = NULL;
    } else if (batch_fits(j, &said, said.done)) {
        batch_take(j, &said, said.done);
        job_finish(p, j);
    } else {
        memory_free(said.words);
        return false;
    }
    if (said.boxed)
        outbox_release(p, l, offset, said.size);
    memory_free(said.words);
    return true;
}

void job_take_part(struct procs *p, struct lane *l, struct job *j, const struct answer *a,
                   const unsigned char *side, uint32_t done)
{
    struct said said;
    if (done && answer_read(p, l, a, side, &said)) {
        if (batch_fits(j, &said, done))
            batch_take(j, &said, done);
        memory_free(said.words);
    }
}

/* --- lanes --------------------------------------------------------------------------------- */

static void lane_gone_mad(struct lane *l)
{
    if (l->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
    l->mad = true;
}

/* The answer to `number`: 1: taken; 0: not there yet; -1: rubbish. */
static int lane_take(struct procs *p, struct lane *l, struct own *own, uint64_t number)
{
    struct answer *a = &own->answer[number % RING];
    struct job *j = l->job[number % RING];
    /* seq_cst: acquires the answer of serve_one; and see serve_tell: who has just said that
     * it waits, and does not find an answer here, must be told of it. */
    uint64_t tag = load_seqcst(&a->tag);
    unsigned state = tag & ((1 << ANSWER_BITS) - 1);
    if (tag >> ANSWER_BITS != number)
        return tag >> ANSWER_BITS > number ? -1 : 0;
    if (state == ANSWER_SKIPPED) {
        const struct lane_shared *s = head_lane(p->arena.head, (unsigned)(l - p->lane));
        struct request *r = (struct request *)(uintptr_t)&s->request[number % RING];
        if (!(load_relaxed(&r->tag) & REQUEST_REVOKED)) /* home alone writes it */
            return -1; /* else a mad one could have its request run for ever */
        if (j) { /* it saw that it was revoked, we did not see that it had not begun */
            l->queued--;
            queue_push_front(p, j);
        }
        return 1;
    }
    if (state != ANSWER_DONE)
        return state > ANSWER_SKIPPED || !state ? -1 : 0;
    l->job[number % RING] = NULL;
    if (!j)
        return -1;
    l->queued--;
    if (job_take(p, l, j, a, own->side[number % RING]))
        return 1;
    l->job[number % RING] = j; /* its worker's end will be its end */
    l->queued++;
    return -1;
}

unsigned lane_collect(struct procs *p, struct lane *l)
{
    struct own *own = head_own(p->arena.head, (unsigned)(l - p->lane));
    unsigned n = 0;
    /* They end in any order; or have ended, and one between them is gone for good. */
    bool any = *p->url->inner || !l->pid;
    for (uint64_t at = l->tail; at != l->head && !l->mad; at++) {
        unsigned slot = at % RING;
        int rc = l->collected[slot] ? 0 : lane_take(p, l, own, l->number[slot]);
        if (rc < 0)
            lane_gone_mad(l);
        if (rc > 0) {
            l->job[slot] = NULL;
            l->collected[slot] = true;
            l->out--;
            n++;
        } else if (!any) {
            break;
        }
    }
    while (l->tail != l->head && l->collected[l->tail % RING])
        l->collected[l->tail++ % RING] = false;
    return n;
}

/* A worker has nothing to do while others have more than they can begin. */
static void lanes_level(struct procs *p)
{
    struct lane *most = NULL;
    bool idle = false;
    for (unsigned i = 0; i < procs_lanes(p); i++) {
        struct lane *l = &p->lane[i];
        idle |= lane_lives(l) && l->queued == 0 && l->out == 0;
        if (l->queued > 1 && (!most || l->queued > most->queued))
            most = l;
    }
    if (idle && most && lane_revoke(p, most, most->queued / 2))
        queue_feed(p);
}

unsigned procs_collect(struct procs *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < procs_lanes(p); i++)
        if (p->lane[i].out)
            n += lane_collect(p, &p->lane[i]);
    if (n && p->queue)
        queue_feed(p);
    else if (n && p->outstanding)
        lanes_level(p);
    return n;
}
