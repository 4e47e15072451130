/* exec/processes/tutti_worker.c - what is executed as a worker where the program itself would
 * not become one, because it loaded the library late: an interpreter with a module, say.
 * Linking with the library is all it takes; its `main` is for those who call it by hand.
 * Tests: tests/processes_guard_test.py. */
#include <stdio.h>
#include <tutti.h>

int main(void)
{
    printf("tutti-worker %u.%u: started by programs that load libtutti while they run, to be "
           "the workers of processes://; nothing to be called by hand\n",
           tutti_version() >> 16, tutti_version() >> 8 & 255);
    return 2;
}
