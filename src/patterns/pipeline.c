/* patterns/pipeline.c - tutti_pipeline: items that pass from stage to stage.
 *
 * One task for each item that may exist at once, a token: it makes an item, carries it
 * through all stages, and goes back for the next.  The other shape, a task for each
 * stage and channels between them, moves every item from task to task, and often from
 * one processor's cache to another's, at every stage; needs as many queues as it has
 * stages, each with a length to choose; and has to pass the end along.  With tokens an
 * item stays where it is warm, the window is the number of tokens, and the end is that
 * all tokens have gone home.
 *
 * Order.  Items are numbered as they are made.  A serial stage has a semaphore for
 * each number (modulo the window): whoever has passed the stage raises that of the
 * next number, so each wakes exactly the one whose turn it is.  Numbers one window
 * apart share one, and never mix: number m + window is raised only when the one
 * before it has passed, long after m.  A token whose item was consumed walks on
 * without it, to pass the turns on.
 * Tests: tests/pipeline_test.c. */
#include "patterns/room.h"
#include "patterns/typed.h"
#include <tutti/patterns.h>
#include <tutti/sync.h>

/* Holds: made and ended change only while `source` is held; tokens <= window. */
struct line {
    const tutti_stage *stage;
    size_t n;
    const tutti_line *as;
    tutti_scope *inner;
    size_t window, item;
    tutti_sem source;      /* one at a time at the first stage */
    uint64_t made;
    int ended;
    unsigned tokens;       /* started, under source, too */
    unsigned char *items;  /* one for each token */
    tutti_sem *turn;       /* turn[j * window + number % window]; unordered: [j] */
    tutti_sem *places;     /* of parallel stages narrower than the window */
};

static int line_is_serial(const struct line *l, size_t j)
{
    return l->stage[j].width <= 1;
}

/* What a token must take before stage j, and what it gives back after: NULL:
 * nothing. */
static tutti_sem *line_enter(struct line *l, size_t j, uint64_t number)
{
    if (!line_is_serial(l, j))
        return l->stage[j].width < l->window ? &l->places[j] : NULL;
    return l->as->unordered ? &l->turn[j]
                            : &l->turn[j * l->window + number % l->window];
}

static tutti_sem *line_leave(struct line *l, size_t j, uint64_t number)
{
    return line_enter(l, j, line_is_serial(l, j) ? number + 1 : number);
}

static int line_drop(struct line *l, void *item, int rc)
{
    if (item && l->as->drop)
        l->as->drop(item);
    return rc;
}

/* Carry item number `number` through the stages after the first. */
static int line_walk(struct line *l, void *item, uint64_t number)
{
    for (size_t j = 1; j < l->n; j++) {
        if (!item && (l->as->unordered || !line_is_serial(l, j)))
            continue; /* nobody's turn depends on us */
        tutti_sem *enter = line_enter(l, j, number);
        int rc = enter ? tutti_sem_down(enter) : tutti_check();
        if (rc < 0)
            return line_drop(l, item, rc);
        if (item && (rc = l->stage[j].fn(l->as->ctx, item)) < 0)
            return line_drop(l, item, rc); /* all ends: nobody needs the turn */
        if (rc == 0)
            item = NULL;
        if (enter)
            tutti_sem_up(line_leave(l, j, number));
    }
    return 0;
}

static int token(void *arg);

/* Make an item: 1 and its number; 0: no more; negative.  Whoever makes its first also
 * starts the next token, so that there are never more of them than items at once. */
static int line_make(struct line *l, void *item, uint64_t *number)
{
    int rc = tutti_sem_down(&l->source);
    if (rc < 0)
        return rc;
    rc = l->ended ? 0 : l->stage[0].fn(l->as->ctx, item);
    if (rc > 0)
        *number = l->made++;
    else
        l->ended = 1;
    tutti_sem_up(&l->source);
    return rc;
}

static int token_start(struct line *l)
{
    return tutti_go(l->inner, token, l);
}

static int token(void *arg)
{
    struct line *l = arg;
    uint64_t number = 0; /* line_make gives it with 1; compilers do not see that */
    int rc = tutti_sem_down(&l->source);
    if (rc < 0)
        return rc;
    size_t which = l->tokens++;
    tutti_sem_up(&l->source);
    void *item = l->items + which * l->item;
    rc = line_make(l, item, &number);
    if (rc > 0 && which + 1 < l->window) {
        int started = token_start(l);
        if (started < 0)
            return line_drop(l, item, started);
    }
    while (rc > 0) {
        rc = line_walk(l, item, number);
        if (rc == 0)
            rc = line_make(l, item, &number);
    }
    return rc;
}

/* --- setting up ------------------------------------------------------------ */

static int line_check(const tutti_stage *stage, size_t n, const tutti_line *as)
{
    if (!stage || !n || !as || as->size < sizeof *as)
        return tutti_fail(-EINVAL,
                          "tutti_pipeline: it needs a stage, and a line with its "
                          "size");
    for (size_t j = 0; j < n; j++)
        if (!stage[j].fn)
            return tutti_fail(-EINVAL, "tutti_pipeline: stage %zu has no function", j);
    return 0;
}

static size_t line_window(const tutti_stage *stage, size_t n, const tutti_line *as)
{
    size_t widths = 0;
    for (size_t j = 0; j < n; j++)
        widths += stage[j].width && j ? stage[j].width : 1;
    return as->window ? as->window : 2 * widths;
}

static int line_room(struct line *l, struct room *room)
{
    size_t turns = l->as->unordered ? 1 : l->window;
    if (l->as->item > SIZE_MAX - ROOM_ALIGN) /* would round up to nothing */
        return tutti_fail(-ENOMEM, "tutti_pipeline: no memory for items of %zu bytes",
                          l->as->item);
    l->item = (l->as->item + ROOM_ALIGN - 1) & ~(size_t)(ROOM_ALIGN - 1);
    l->item = l->item ? l->item : ROOM_ALIGN;
    l->items = room_take(room, l->window, l->item);
    l->places = room_take(room, l->n, sizeof *l->places);
    l->turn = turns < SIZE_MAX / sizeof *l->turn
                  ? room_take(room, l->n, turns * sizeof *l->turn) : NULL;
    if (!l->items || !l->places || !l->turn)
        return tutti_fail(-ENOMEM, "tutti_pipeline: no memory for %zu items",
                          l->window);
    for (size_t j = 0; j < l->n; j++) {
        tutti_sem_init(&l->places[j], l->stage[j].width);
        tutti_sem_init(&l->turn[j * turns], 1);
    }
    tutti_sem_init(&l->source, 1);
    return 0;
}

int tutti_pipeline(tutti_scope *s, const tutti_stage *stage, size_t n,
                   const tutti_line *as)
{
    tutti_executor *ex;
    int rc = typed_executor("tutti_pipeline", s, &ex);
    if (rc == 0)
        rc = line_check(stage, n, as);
    if (rc < 0)
        return rc;
    ROOM(room, ex);
    struct line l = { .stage = stage, .n = n, .as = as };
    l.window = line_window(stage, n, as);
    rc = line_room(&l, &room);
    if (rc < 0)
        return rc;
    TUTTI_SCOPE(inner, ex, TUTTI_NEVER, 0);
    l.inner = &inner;
    return typed_close(&inner, token_start(&l));
}
