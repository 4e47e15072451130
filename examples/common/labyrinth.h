/* examples/common/labyrinth.h - a perfect maze, for the rivals of maze.c, and its
 * picture.  Tests: tests/examples_test.sh. */
#ifndef EXAMPLES_LABYRINTH_H
#define EXAMPLES_LABYRINTH_H
#include "example.h"

/* A cell of the maze has bit d set if one can go in direction d.  Cells lie row after
 * row, the first in the north-west. */
enum { NORTH, EAST, SOUTH, WEST };
/* A cell of a map: the direction it was reached from, and whether somebody was there
 * and whether the way leads through it. */
enum { FROM = 3, SEEN = 4, WAY = 16 };

/* Dig side x side cells of solid rock, all zero.  0 or -ENOMEM. */
int labyrinth_dig(uint8_t *maze, uint32_t side);
/* Draw maze and map as the picture that was asked for, if one was.  0, or a negative
 * code as example_draw. */
int labyrinth_draw(const struct example *e, const uint8_t *maze, const uint8_t *map);
#endif
