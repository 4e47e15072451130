/* base/small.h - sizes that the explorer's build of the library has smaller
 * (tests/meson.build defines TUTTI_SMALL there and nowhere else).  A ring of 4 wraps
 * and spills within the few steps of a cell, where one of 256 never would; and looking
 * 200 times before one sleeps is for the explorer only more of the same.  The code is
 * the same for any size: what is found with the small ones holds for the others. Tests:
 * tests/cells/tutti/. */
#ifndef BASE_SMALL_H
#define BASE_SMALL_H
#ifdef TUTTI_SMALL
#define SMALL(usual, small) (small)
#else
#define SMALL(usual, small) (usual)
#endif
#endif
