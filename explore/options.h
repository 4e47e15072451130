/* explore/options.h - see options.c for the words. */
#ifndef EXPLORE_OPTIONS_H
#define EXPLORE_OPTIONS_H
#include "common.h"

struct options {
    bool explore, text, json, accesses, gdb, fork, sc, orders;
    uint64_t schedules, seed, steps;
    double seconds;
    int strategy, status;
    int progress_fd, report_fd;
    bool replay;
    uint64_t replay_seed;
    uint32_t replay_print; /* fingerprint; 0: none given */
};
extern hidden struct options options;

void options_read(void);
/* The seed of schedule n in words, with the build it belongs to. */
void seed_print(char *to, size_t room, uint64_t n);
/* A number that another build of the program or of this library does not share. */
uint32_t options_fingerprint(void);
#endif
