/* examples/sudoku.c - hard sudokus, each raced by rival solvers.
 *
 * Every rival tries and takes back, but each chooses in its own way where to try
 * next, and on a hard puzzle one is through in a tenth of another's time; nobody
 * knows beforehand which.  So they race, in parallel or taking turns: the first to know
 * wins and the others are cancelled.  A puzzle has one solution, so the answer does not
 * depend on who wins.  The plain loop has to pick one rival and stay with it. */
#include "common/example.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <tutti/patterns.h>
#include <tutti/sync.h>

static const struct example_about about = {
    .name = "sudoku",
    .kind = "CPU",
    .summary = "Solves hard sudokus, each by rival solvers that race.  FILE has one a\n"
               "line: 81 digits, a dot or 0 for an empty cell; # begins a comment.\n"
               "RIVAL, a number from 1 to 4, runs alone.  FILE can be \"-\": ours.",
    .size_means = "how many puzzles; after the last of the file comes the first again",
    .size = 950,
    .size_least = 1,
    .size_most = 100000,
    .arguments = "[FILE [RIVAL]]",
    .arguments_most = 2,
};

struct puzzle {
    uint8_t cell[81]; /* 0: empty */
    uint8_t rival;
};
struct solution {
    uint8_t cell[81];
    uint8_t solved; /* 0: it is known that there is no solution */
};
TUTTI_TASK(solve, "sudoku.solve", struct puzzle, struct solution);

/* Holds: cell says what row, column and box (a bit for each digit they have) say. */
struct board {
    uint16_t row[9], column[9], box[9];
    uint8_t cell[81];
    uint32_t steps;
    int (*turn)(void); /* now and then lets the others have theirs, and says whether to
                          give up; NULL: on our own */
};
struct branch {
    uint8_t cell, digit;
};

static unsigned box_of(unsigned cell)
{
    return cell / 27 * 3 + cell % 9 / 3;
}

static unsigned taken(const struct board *b, unsigned cell)
{
    return b->row[cell / 9] | b->column[cell % 9] | b->box[box_of(cell)];
}

static void flip(struct board *b, unsigned cell, unsigned digit)
{
    uint16_t bit = (uint16_t)(1u << digit);
    b->row[cell / 9] ^= bit;
    b->column[cell % 9] ^= bit;
    b->box[box_of(cell)] ^= bit;
}

/* The empty cell with the fewest digits left: up to 9 branches, -1 if none is empty. */
static int fewest_digits(const struct board *b, struct branch *out)
{
    unsigned best = 81, most = 0, all = 0x3fe;
    for (unsigned c = 0; c < 81 && most < 9; c++) {
        if (b->cell[c])
            continue;
        unsigned used = (unsigned)__builtin_popcount(taken(b, c)) + 1;
        if (used > most) {
            most = used;
            best = c;
        }
    }
    if (best == 81)
        return -1;
    int n = 0;
    for (unsigned left = all & ~taken(b, best); left; left &= left - 1)
        out[n++] = (struct branch){ (uint8_t)best, (uint8_t)__builtin_ctz(left) };
    return n;
}

static unsigned cell_of(unsigned unit, unsigned k)
{
    return unit < 9    ? unit * 9 + k
           : unit < 18 ? k * 9 + unit - 9
                       : (unit - 18) / 3 * 27 + (unit - 18) % 3 * 3 + k / 3 * 9 + k % 3;
}

/* The digit with the fewest places left in some row, column or box. */
static int fewest_places(const struct board *b, struct branch *out)
{
    int best = -1;
    for (unsigned unit = 0; unit < 27 && (best < 0 || best > 1); unit++) {
        unsigned left[9], has = unit < 9    ? b->row[unit]
                                : unit < 18 ? b->column[unit - 9]
                                            : b->box[unit - 18];
        for (unsigned k = 0; k < 9; k++) {
            unsigned c = cell_of(unit, k);
            left[k] = b->cell[c] ? 0 : ~taken(b, c);
        }
        for (unsigned digit = 1; digit <= 9; digit++) {
            struct branch here[9];
            int n = 0;
            if (has >> digit & 1)
                continue;
            for (unsigned k = 0; k < 9; k++)
                if (left[k] >> digit & 1) {
                    here[n].cell = (uint8_t)cell_of(unit, k);
                    here[n++].digit = (uint8_t)digit;
                }
            if (best < 0 || n < best) {
                best = n;
                memcpy(out, here, sizeof here);
            }
        }
    }
    return best;
}

/* Neighbours in the list differ most, for machines that run few of them at once. */
static const struct rival {
    const char *name;
    int (*choose)(const struct board *b, struct branch *out);
    int backwards;
} rivals[] = {
    { "cells, upwards", fewest_digits, 0 },
    { "places, downwards", fewest_places, 1 },
    { "cells, downwards", fewest_digits, 1 },
    { "places, upwards", fewest_places, 0 },
};
enum { RIVALS = sizeof rivals / sizeof *rivals };

/* 1 solved, 0 there is no solution, or negative: it was told to give up. */
static int search(struct board *b, const struct rival *rival)
{
    struct branch way[9];
    int rc = ++b->steps % 128 || !b->turn ? 0 : b->turn();
    if (rc < 0)
        return rc;
    int n = rival->choose(b, way);
    if (n < 0)
        return 1;
    for (int i = 0; i < n; i++) {
        struct branch w = way[rival->backwards ? n - 1 - i : i];
        b->cell[w.cell] = w.digit;
        flip(b, w.cell, w.digit);
        if ((rc = search(b, rival)))
            return rc;
        flip(b, w.cell, w.digit);
        b->cell[w.cell] = 0;
    }
    return 0;
}

static int solve_by(const struct puzzle *in, struct solution *out, int (*turn)(void))
{
    struct board b = { .turn = turn };
    for (unsigned c = 0; c < 81; c++) {
        if (in->cell[c] && taken(&b, c) >> in->cell[c] & 1)
            return 0; /* two of the same: no solution */
        if (in->cell[c])
            flip(&b, c, in->cell[c]);
        b.cell[c] = in->cell[c];
    }
    int rc = search(&b, &rivals[in->rival]);
    out->solved = rc == 1;
    memcpy(out->cell, b.cell, sizeof b.cell);
    return rc < 0 ? rc : 0;
}

static int solve(const struct puzzle *in, struct solution *out)
{
    return solve_by(in, out, tutti_yield);
}

/* The list is shared out among the workers, and on each puzzle all rivals race. */
struct contest {
    tutti_scope *scope;
    const struct puzzle *puzzle;
    struct solution *out;
    unsigned count;              /* rivals, from puzzle[i].rival on */
    tutti_counter wins[RIVALS];
};

static int solve_some(void *ctx, uint64_t from, uint64_t to)
{
    struct contest *c = ctx;
    for (uint64_t i = from; i < to; i++) {
        struct puzzle start[RIVALS];
        for (unsigned r = 0; r < c->count; r++) {
            start[r] = c->puzzle[i];
            start[r].rival = (uint8_t)(c->puzzle[i].rival + r);
        }
        int winner = tutti_race(c->scope, &solve_task, start, c->count, &c->out[i]);
        if (winner < 0)
            return winner;
        tutti_counter_add(&c->wins[start[winner].rival], 1);
    }
    return 0;
}

static int solve_tasks(struct example *e, struct contest *c)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    c->scope = &s;
    example_start(e);
    int rc = tutti_for_range(&s, 0, e->size, 1, solve_some, c);
    example_stop(e);
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

static void solve_serial(struct example *e, const struct puzzle *puzzle,
                         struct solution *out)
{
    example_start(e);
    for (uint64_t i = 0; i < e->size; i++)
        solve_by(&puzzle[i], &out[i], NULL);
    example_stop(e);
}

static void read_puzzles(const struct example *e, const char *path, unsigned rival,
                         struct puzzle *out)
{
    char line[256];
    uint64_t n = 0, number = 0;
    FILE *f = fopen(path, "r");
    if (!f)
        example_refuse(e, "cannot read \"%s\": %s", path, strerror(errno));
    while (n < e->size && fgets(line, sizeof line, f)) {
        size_t length = strcspn(line, "\r\n");
        number++;
        if (!length || line[0] == '#')
            continue;
        if (length != 81 || strspn(line, ".0123456789") != 81)
            example_refuse(e, "line %llu of \"%s\" is not 81 digits or dots",
                           (unsigned long long)number, path);
        for (int c = 0; c < 81; c++)
            out[n].cell[c] = (uint8_t)(line[c] == '.' ? 0 : line[c] - '0');
        out[n].rival = (uint8_t)rival;
        n++;
    }
    if (ferror(f) || !n)
        example_refuse(e, "there is no puzzle in \"%s\"", path);
    fclose(f);
    for (uint64_t i = n; i < e->size; i++)
        out[i] = out[i - n];
}

int main(int argc, char **argv)
{
    struct example e;
    struct contest contest = { 0 };
    unsigned solved = 0;
    uint64_t sum = 0;
    char what[64], path[PATH_MAX];
    example_open(&e, &about, argc, argv);
    struct puzzle *puzzle = calloc(e.size, sizeof *puzzle);
    struct solution *out = calloc(e.size, sizeof *out);
    if (!puzzle || !out)
        return example_close(&e, -ENOMEM, "", " ");
    const char *file = e.argument_count ? e.arguments[0] : "-";
    unsigned rival = 0, count = RIVALS;
    if (e.argument_count > 1) {
        rival = (unsigned)example_number(&e, "RIVAL", e.arguments[1], 1, RIVALS) - 1;
        count = 1;
    }
    read_puzzles(&e, strcmp(file, "-") ? file : example_data("sudoku.txt", path), rival,
                 puzzle);
    contest.puzzle = puzzle;
    contest.out = out;
    contest.count = count;
    int rc = 0;
    if (e.serial)
        solve_serial(&e, puzzle, out);
    else
        rc = solve_tasks(&e, &contest);
    for (uint64_t i = 0; i < e.size; i++) {
        solved += out[i].solved;
        for (unsigned c = 0; c < 81; c++)
            sum = example_fold(sum, out[i].cell[c]);
    }
    snprintf(what, sizeof what, "%llu hard", (unsigned long long)e.size);
    int status = example_close(&e, rc, what, "%u solved, checksum %016llx", solved,
                               (unsigned long long)sum);
    for (unsigned r = 0; r < RIVALS && !e.json && !e.serial && !status; r++)
        printf("  %-18s won %lld\n", rivals[r].name,
               (long long)tutti_counter_get(&contest.wins[r]));
    free(puzzle);
    free(out);
    return status;
}
