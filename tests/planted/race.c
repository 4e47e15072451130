/* race.c - a data race on purpose: two tasks add to one plain integer.  Built under the
 * thread sanitizer only, which must report it (tests/planted/planted_test.sh); with
 * `safe`, the same additions are atomic and nothing may be reported, so that a report
 * means the race and not noise of the library.
 *
 *     race URL|threads [safe]     URL: tasks on that executor, of two workers or more;
 *                                 threads: plain threads */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <tutti/sync.h>

static int plain;
static tutti_counter counter;
static int safe;
static int arrived;

/* Until both run: on workers of their own, since neither yields.  Tasks that take turns on
 * one worker are ordered, and nothing would be reported. */
static void meet(void)
{
    __atomic_fetch_add(&arrived, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < 2)
        ;
}

static int add(void *arg)
{
    (void)arg;
    meet();
    for (int i = 0; i < 100; i++) {
        if (safe)
            tutti_counter_add(&counter, 1);
        else
            plain++;
        tutti_yield();
    }
    return 0;
}

static int add_in_two_tasks(void *arg)
{
    (void)arg;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_go(&s, add, NULL);
    tutti_go(&s, add, NULL);
    return tutti_scope_close(&s);
}

static void *add_in_a_thread(void *arg)
{
    for (int i = 0; i < 100; i++) {
        if (safe)
            __atomic_fetch_add(&plain, 1, __ATOMIC_RELAXED);
        else
            plain++;
    }
    return arg;
}

static int add_in_two_threads(void)
{
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        if (pthread_create(&thread[i], NULL, add_in_a_thread, NULL) != 0)
            return -1;
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    safe = argc > 2 && strcmp(argv[2], "safe") == 0;
    int rc = strcmp(argv[1], "threads") == 0
                 ? add_in_two_threads()
                 : tutti_run(argv[1], add_in_two_tasks, NULL);
    if (rc < 0)
        fprintf(stderr, "race: %s\n", tutti_why());
    return rc < 0;
}
