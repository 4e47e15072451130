/* examples/common/labyrinth.c - digs and draws a maze; see labyrinth.h.
 * Tests: tests/examples_test.sh. */
#include "labyrinth.h"
#include <stdlib.h>

/* Dig from the north-west, at random, back where there is no way on. */
int labyrinth_dig(uint8_t *maze, uint32_t side)
{
    uint32_t *trail = malloc((size_t)side * side * sizeof *trail), length = 0;
    uint64_t seed = side;
    if (!trail)
        return -ENOMEM;
    for (trail[length++] = 0; length;) {
        uint32_t cell = trail[length - 1], x = cell % side, y = cell / side;
        uint32_t there[4] = { cell - side, cell + 1, cell + side, cell - 1 };
        unsigned inside[4] = { y > 0, x + 1 < side, y + 1 < side, x > 0 };
        unsigned way[4], ways = 0;
        for (unsigned d = 0; d < 4; d++)
            if (inside[d] && !maze[there[d]])
                way[ways++] = d;
        if (!ways) {
            length--;
            continue;
        }
        unsigned d = way[(seed = example_random(seed)) % ways];
        maze[cell] |= (uint8_t)(1u << d);
        maze[there[d]] |= (uint8_t)(1u << ((d + 2) & 3));
        trail[length++] = there[d];
    }
    free(trail);
    return 0;
}

/* The colour of a cell that rivals went through as `map` says. */
static const uint8_t *colour_of(unsigned map)
{
    static const uint8_t blank[3] = { 238, 236, 228 }, seen[3] = { 146, 178, 210 },
                         way[3] = { 214, 48, 28 };
    return map & WAY ? way : map & SEEN ? seen : blank;
}

/* One pixel a cell or, where there is room for them, the walls between cells too. */
int labyrinth_draw(const struct example *e, const uint8_t *maze, const uint8_t *map)
{
    static const uint8_t wall[3] = { 24, 26, 40 };
    uint32_t side = (uint32_t)e->size, scale = side <= 600 ? 2 : 1;
    uint32_t high = side * scale - (scale - 1);
    uint8_t *pixels = e->picture ? malloc((size_t)high * high * 3) : NULL;
    if (!pixels)
        return e->picture ? -ENOMEM : 0;
    for (uint32_t y = 0; y < high; y++)
        for (uint32_t x = 0; x < high; x++) {
            uint32_t cell = y / scale * side + x / scale;
            uint32_t dx = x % scale, dy = y % scale;
            int open = dx && dy ? 0 : dx ? maze[cell] >> EAST & 1
                                 : dy    ? maze[cell] >> SOUTH & 1 : 1;
            unsigned seen = map[cell] & map[open ? cell + dy * side + dx : cell];
            memcpy(pixels + ((size_t)y * high + x) * 3, open ? colour_of(seen) : wall,
                   3);
        }
    int rc = example_draw(e, pixels, high, high);
    free(pixels);
    return rc;
}
