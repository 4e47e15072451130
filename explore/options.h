/* explore/options.h - see options.c for the words. */
#ifndef EXPLORE_OPTIONS_H
#define EXPLORE_OPTIONS_H
#include "engine.h"

void options_read(void);
/* The seed of schedule n in words, with the build it belongs to. */
void seed_print(char *to, size_t room, uint64_t n);
/* A number that another build of the program or of this library does not share. */
uint32_t options_fingerprint(void);
#endif
