/* exec/processes/boot.h - what this process was started as: a program, or a worker of one.
 *
 * A worker that ran the program's `main` would open the executor again, whose workers ran
 * `main`...; seen once: 22,000 processes.  So each of these holds by itself:
 *   - the variable that makes a worker is taken out of the environment before anything
 *     else runs, whatever it says, and so is passed on to nobody;
 *   - a process that had the variable but could not be a worker never opens processes://,
 *     and neither does a worker;
 *   - one whose home has ended meanwhile ends as well;
 *   - how deep processes:// is nested travels in the environment, and beyond
 *     BOOT_DEPTH_MOST it is refused;
 *   - workers that die before they serve are replaced START_STILLBORN times at most. */
#ifndef EXEC_PROCESSES_BOOT_H
#define EXEC_PROCESSES_BOOT_H
#include <stdbool.h>
#include <stdint.h>

#define BOOT_VARIABLE "TUTTI_WORKER"
#define BOOT_DEPTH "TUTTI_DEPTH"
enum { BOOT_DEPTH_MOST = 4 };

typedef int boot_main(int argc, char **argv, char **env);

/* What the variable said.  Holds: worker implies meant, zygote implies worker. */
struct boot {
    bool meant;      /* the variable was there */
    bool worker;     /* and true: serve */
    bool zygote;     /* not a lane: fork workers (zygote.c) */
    bool entered;    /* enter.c was called: so it will be in what we execute */
    unsigned depth;  /* of processes:// around this process */
    int arena, bell, life; /* descriptors */
    unsigned index;  /* of the lane; as many as there are lanes: zygote */
    uint64_t base;
};
extern struct boot boot;

/* Read the environment and clean it.  The first call counts. */
void boot_look(void);
/* Before `main`: the function to call in its place, or main itself. */
boot_main *boot_enter(boot_main *real);
/* worker.c: serve until told to leave. */
int worker_main(int argc, char **argv, char **env);
/* The zygote's end of its socket, and the file of spill=: descriptors' numbers, as AT_LIFE of
 * start.c. */
enum { BOOT_ASK = 6, BOOT_SPILL };
/* 0, or why this process may open no processes://, with words. */
int boot_may_open(void);
#endif
