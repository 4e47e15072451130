/* base/launch.h - threads of the library's own.  The program's signals go to the program's
 * threads: one of ours starts, and stays, with all blocked but those that it is to hear.
 * Tests: tests/executor_test.c, tests/fault_test.c. */
#ifndef BASE_LAUNCH_H
#define BASE_LAUNCH_H
#include <pthread.h>
#include <signal.h>

/* heard: signals that are not blocked, behind the last a 0; NULL: none.  Faults are among
 * them where the program's code runs, or its handlers would be passed by.  0 or what
 * pthread_create() says.  [any] */
int thread_launch(pthread_t *thread, const pthread_attr_t *how, const int *heard,
                  void *(*main)(void *), void *arg);
#endif
