/* examples/maze.c - eight rivals look for the way through a big maze; the first wins.
 *
 * The maze is perfect: between two cells there is exactly one way that visits no cell
 * twice, so its length is the answer whoever wins.  Each rival has a map of its own
 * to write on: a row of one shared item with eight rows.  The plain loop asks one
 * rival, the first; the others are cancelled, or never start, once somebody has won. */
#include "common/example.h"
#include "common/labyrinth.h"
#include <stdio.h>
#include <stdlib.h>
#include <tutti/patterns.h>

static const struct example_about about = {
    .name = "maze",
    .kind = "CPU",
    .summary = "Eight rival solvers in one maze, from north-west to south-east.\n"
               "RIVAL, a number from 1 to 8, runs alone.",
    .size_means = "cells of a side",
    .size = 3000,
    .size_least = 2,
    .size_most = 10000,
    .arguments = "[RIVAL]",
    .arguments_most = 1,
    .draws = 1,
};

enum { FAR_SIDE = 8 }; /* in a map: reached from the goal */
enum rule {
    BREADTH,
    DEPTH_EAST,
    A_STAR,
    RIGHT_HAND,
    BOTH_ENDS,
    LEFT_HAND,
    DEPTH_WEST,
    DEAD_ENDS,
    RIVALS
};
static const char *const rival_name[RIVALS] = {
    [BREADTH] = "breadth first",
    [DEPTH_EAST] = "depth first, eastwards",
    [A_STAR] = "A*",
    [RIGHT_HAND] = "right hand on the wall",
    [BOTH_ENDS] = "from both ends",
    [LEFT_HAND] = "left hand on the wall",
    [DEPTH_WEST] = "depth first, westwards",
    [DEAD_ENDS] = "dead ends filled",
};

struct rival {
    tutti_ref part; /* rows of maze, read */
    tutti_ref maps; /* a map for each rival, written */
    uint32_t side, rule;
};
struct way {
    uint64_t length; /* cells on it, both ends counted */
};
TUTTI_TASK(solve, "maze.solve", struct rival, struct way);

/* What a solver works with.  Holds: now and later have room for every cell. */
struct job {
    const uint8_t *maze;
    uint8_t *map;
    uint32_t goal, *now, *later;
    int32_t step[4]; /* how far the cell in each direction is */
    int (*over)(void);
};

static void swap(uint32_t **a, uint32_t **b)
{
    uint32_t *old = *a;
    *a = *b;
    *b = old;
}

/* Breadth, depth and A* are one search that differs in what may wait: nothing, each
 * step (then a level at a time is looked at), or each step that leads away from the
 * goal (in a grid where each step is as long, those are exactly A*'s next better
 * guess). */
static int search(const struct job *j, enum rule rule)
{
    uint32_t now = 0, later = 0, tick = 0, *todo = j->now, *next = j->later;
    unsigned turn = rule == DEPTH_EAST ? WEST : EAST; /* the last pushed goes first */
    unsigned waits = rule == BREADTH ? 15 : rule == A_STAR ? 1 << NORTH | 1 << WEST : 0;
    j->map[0] = SEEN;
    for (todo[now++] = 0; now || later;) {
        if (!now) {
            swap(&todo, &next);
            now = later;
            later = 0;
        }
        uint32_t cell = todo[--now];
        if (cell == j->goal)
            return 0;
        if (++tick % 4096 == 0 && j->over && j->over() < 0)
            return -ECANCELED;
        for (unsigned i = 0; i < 4; i++) {
            unsigned d = (turn + i) & 3;
            uint32_t there = cell + (uint32_t)j->step[d];
            if (!(j->maze[cell] >> d & 1) || j->map[there])
                continue;
            j->map[there] = (uint8_t)(SEEN | ((d + 2) & FROM));
            if (waits >> d & 1)
                next[later++] = there;
            else
                todo[now++] = there;
        }
    }
    return -ENOENT;
}

/* Keep a hand on the wall: needs no memory but for the way back. */
static int follow_wall(const struct job *j, unsigned hand)
{
    uint32_t cell = 0, tick = 0;
    unsigned d = EAST;
    j->map[0] = SEEN;
    while (cell != j->goal) {
        if (++tick % 4096 == 0 && j->over && j->over() < 0)
            return -ECANCELED;
        for (d = (d + hand) & 3; !(j->maze[cell] >> d & 1);)
            d = (d - hand) & 3;
        cell += (uint32_t)j->step[d];
        if (!j->map[cell])
            j->map[cell] = (uint8_t)(SEEN | ((d + 2) & FROM));
    }
    return 0;
}

/* Turn the way back from `cell` to the end it was reached from into a way to it. */
static void turn_back(const struct job *j, uint32_t cell, unsigned back)
{
    for (uint32_t end = j->goal; cell != end;) {
        unsigned d = j->map[cell] & FROM;
        j->map[cell] = (uint8_t)(SEEN | back);
        back = (d + 2) & FROM;
        cell += (uint32_t)j->step[d];
    }
    j->map[cell] = (uint8_t)(SEEN | back);
}

/* Breadth first from both ends, a cell here, a cell there, until they touch. */
static int both_ends(const struct job *j)
{
    uint32_t *queue[2] = { j->now, j->later }, head[2] = { 0, 0 }, tail[2] = { 1, 1 };
    queue[0][0] = 0;
    queue[1][0] = j->goal;
    j->map[0] = SEEN;
    j->map[j->goal] = SEEN | FAR_SIDE;
    for (uint32_t tick = 1; head[0] < tail[0] || head[1] < tail[1]; tick++) {
        unsigned far = tick & 1;
        if (tick % 4096 == 0 && j->over && j->over() < 0)
            return -ECANCELED;
        if (head[far] == tail[far])
            continue;
        uint32_t cell = queue[far][head[far]++];
        for (unsigned d = 0; d < 4; d++) {
            uint32_t there = cell + (uint32_t)j->step[d];
            if (!(j->maze[cell] >> d & 1))
                continue;
            if (!j->map[there]) {
                j->map[there] = (uint8_t)(SEEN | far * FAR_SIDE | ((d + 2) & FROM));
                queue[far][tail[far]++] = there;
            } else if (((j->map[there] & FAR_SIDE) != 0) != far) {
                turn_back(j, far ? cell : there, far ? d : (d + 2) & FROM);
                return 0;
            }
        }
    }
    return -ENOENT;
}

/* Wall up every dead end, and what becomes one by that; what is left is the way. */
static int fill_dead_ends(const struct job *j)
{
    for (uint32_t first = 1; first < j->goal; first++) {
        if (first % 4096 == 0 && j->over && j->over() < 0)
            return -ECANCELED;
        for (uint32_t cell = first; cell && cell != j->goal && !j->map[cell];) {
            unsigned open = j->maze[cell], d;
            for (d = 0; d < 4; d++)
                if (open >> d & 1 && j->map[cell + (uint32_t)j->step[d]])
                    open &= ~(1u << d);
            if (open & (open - 1))
                break;
            j->map[cell] = SEEN;
            cell += (uint32_t)j->step[__builtin_ctz(open)];
        }
    }
    for (uint32_t cell = 0, from = 4; cell != j->goal;) {
        unsigned d = 0;
        while (d == from || !(j->maze[cell] >> d & 1) ||
               j->map[cell + (uint32_t)j->step[d]] == SEEN)
            d++;
        cell += (uint32_t)j->step[d];
        from = (d + 2) & FROM;
        j->map[cell] = (uint8_t)(WAY | from);
    }
    return 0;
}

static int solve_by(enum rule rule, struct job *j, uint32_t side, struct way *out)
{
    size_t cells = (size_t)side * side;
    j->now = malloc(cells * sizeof *j->now);
    j->later = malloc(cells * sizeof *j->later);
    j->goal = (uint32_t)cells - 1;
    j->step[NORTH] = -(j->step[SOUTH] = (int32_t)side);
    j->step[WEST] = -(j->step[EAST] = 1);
    int rc = -ENOMEM;
    if (j->now && j->later)
        rc = rule == RIGHT_HAND  ? follow_wall(j, 1)
             : rule == LEFT_HAND ? follow_wall(j, 3)
             : rule == BOTH_ENDS ? both_ends(j)
             : rule == DEAD_ENDS ? fill_dead_ends(j)
                                 : search(j, rule);
    free(j->now);
    free(j->later);
    for (uint32_t cell = j->goal; rc >= 0;) {
        j->map[cell] |= WAY;
        out->length++;
        if (!cell)
            break;
        cell += (uint32_t)j->step[j->map[cell] & FROM];
    }
    return rc;
}

static int solve(const struct rival *in, struct way *out)
{
    tutti_ref mine = tutti_ref_slice(in->maps, in->rule, 1);
    struct job j = { .maze = tutti_ref_view(&in->part), .map = tutti_ref_edit(&mine),
                     .over = tutti_check };
    return solve_by(in->rule, &j, in->side, out);
}

static int maze_serial(struct example *e, struct way *out, enum rule rule)
{
    size_t cells = e->size * e->size;
    uint8_t *maze = calloc(cells, 1), *map = calloc(cells, 1);
    struct job j = { .maze = maze, .map = map };
    int rc = maze && map ? labyrinth_dig(maze, (uint32_t)e->size) : -ENOMEM;
    if (rc >= 0) {
        example_start(e);
        rc = solve_by(rule, &j, (uint32_t)e->size, out);
        example_stop(e);
    }
    if (rc >= 0)
        rc = labyrinth_draw(e, maze, map);
    free(maze);
    free(map);
    return rc;
}

/* Rivals from `first` on; *winner is the rule of the one that won. */
static int maze_tasks(struct example *e, struct way *out, enum rule first,
                      size_t rivals, int *winner)
{
    size_t cells = e->size * e->size;
    struct rival in[RIVALS] = { { .side = (uint32_t)e->size } };
    int rc = 0;
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    uint8_t *maze = tutti_share(&s, cells, 1, TUTTI_READ, &in[0].part);
    uint8_t *maps = tutti_share(&s, RIVALS, cells, TUTTI_WRITE, &in[0].maps);
    if (maze && maps && (rc = labyrinth_dig(maze, (uint32_t)e->size)) >= 0) {
        for (uint32_t r = 0; r < rivals; r++) {
            in[r] = in[0];
            in[r].rule = first + r;
        }
        example_start(e);
        rc = tutti_race(&s, &solve_task, in, rivals, out);
        example_stop(e);
        *winner = (int)first + rc;
        if (rc >= 0)
            rc = labyrinth_draw(e, maze, maps + (size_t)*winner * cells);
    }
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    struct example e;
    struct way way = { 0 };
    int winner = BREADTH;
    size_t rivals = RIVALS;
    example_open(&e, &about, argc, argv);
    if (e.argument_count) {
        winner = (int)example_number(&e, "RIVAL", e.arguments[0], 1, RIVALS) - 1;
        rivals = 1;
    }
    int rc = e.serial ? maze_serial(&e, &way, winner)
                      : maze_tasks(&e, &way, winner, rivals, &winner);
    int status = example_close(&e, rc, rivals == 1 ? "1 rival" : "8 rivals",
                               "the way has %llu cells",
                               (unsigned long long)way.length);
    if (!e.json && !status)
        printf("  winner: %s\n", rival_name[winner]);
    return status;
}
