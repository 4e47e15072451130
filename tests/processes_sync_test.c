/* tests/processes_sync_test.c - mutexes, semaphores, events and counters that worker processes
 * and the program share: each alone, waited for with ends and deadlines, and under kill -9; and
 * what is refused. */
#include "processes_board.h"

/* --- mutex ------------------------------------------------------------------------------ */

TEST(a_mutex_keeps_two_workers_a_thread_and_closures_apart)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", 0);
    tutti_future f[4];
    for (int i = 0; i < 4; i++)
        f[i] = start(&s, b, ADD, 20000);
    CHECK_INT(add(b, 20000), 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK_INT(b->plain, 100000);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_mutex_of_inner_threads)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2?inner=threads://2", 0);
    tutti_future f[4];
    for (int i = 0; i < 4; i++)
        f[i] = start(&s, b, ADD, 5000);
    for (int i = 0; i < 4; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK_INT(b->plain, 20000);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(who_holds_it_cannot_lock_it_again_nor_take_it_by_trying)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://1", 0);
    CHECK_INT(tutti_mutex_lock(&b->lock), 0);
    CHECK_INT(tutti_mutex_lock(&b->lock), -EDEADLK);
    CHECK_INT(tutti_mutex_trylock(&b->lock), -EBUSY);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_mutex_trylock(&b->lock), 0);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_mutex_share(&s, &b->lock), -EALREADY);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(the_holders_death_is_told_to_the_next_and_only_to_that_one)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    tutti_future f = start(&s, b, LOCK_AND_DIE, 0);
    CHECK_INT(tutti_event_wait(&b->up), 0);
    CHECK_INT(tutti_mutex_lock(&b->lock), -TUTTI_EOWNERDEAD);
    CHECK_HAS(tutti_why(), "died");
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_mutex_lock(&b->lock), 0);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(end(f), -TUTTI_ECRASH);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_worker_that_waits_hears_of_the_holders_death)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    for (int i = 0; i < 5; i++) {
        tutti_event_clear(&b->up);
        tutti_future f = start(&s, b, LOCK_AND_DIE, 0);
        CHECK_INT(tutti_event_wait(&b->up), 0);
        CHECK_INT(end(start(&s, b, LOCK_BRIEFLY, 0)), -TUTTI_EOWNERDEAD);
        CHECK_INT(end(f), -TUTTI_ECRASH);
        CHECK_INT(end(start(&s, b, LOCK_BRIEFLY, 0)), 0);
    }
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_task_that_returns_with_a_mutex_has_failed_and_counts_as_dead)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://1", TUTTI_KEEP_GOING);
    tutti_future f = start(&s, b, LOCK_AND_RETURN, 0);
    CHECK_INT(end(f), -EDEADLK);
    CHECK_INT(tutti_mutex_lock(&b->lock), -TUTTI_EOWNERDEAD);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(end(start(&s, b, LOCK_BRIEFLY, 0)), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_wait_for_a_mutex_can_be_cut_and_leaves_nothing_behind)
{
    tutti_executor *ex;
    tutti_scope s, in;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    tutti_future f = start(&s, b, HOLD, 0);
    CHECK_INT(tutti_event_wait(&b->up), 0);
    tutti_scope_open(&in, ex, tutti_after(20 * TUTTI_MS), 0);
    CHECK_INT(tutti_mutex_lock_cut(&b->lock), -ETIMEDOUT);
    tutti_scope_close(&in);
    tutti_scope_open(&in, ex, tutti_after(20 * TUTTI_MS), TUTTI_KEEP_GOING);
    tutti_future g = start(&in, b, LOCK_BRIEFLY, 0);
    CHECK_INT(tutti_future_await(g, NULL), -ETIMEDOUT);
    tutti_scope_close(&in);
    tutti_event_set(&b->go);
    CHECK_INT(end(f), 0);
    CHECK_INT(end(start(&s, b, LOCK_BRIEFLY, 0)), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

/* --- semaphore --------------------------------------------------------------------------- */

TEST(a_semaphore_lets_as_many_in_as_it_has_units)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://3", 0);
    tutti_future f[3];
    for (int i = 0; i < 3; i++)
        f[i] = start(&s, b, DOWN_UP, 3000);
    CHECK_INT(down_up(b, 3000), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK(b->worst <= 2);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), -EBUSY);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(the_unit_of_a_dead_worker_comes_back_and_says_so)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    CHECK_INT(tutti_sem_down(&b->sem), 0);
    CHECK_INT(end(start(&s, b, DOWN_AND_DIE, 0)), -TUTTI_ECRASH);
    CHECK_INT(tutti_sem_down(&b->sem), -TUTTI_EOWNERDEAD);
    CHECK_INT(tutti_sem_trydown(&b->sem), -EBUSY);
    tutti_sem_up(&b->sem);
    tutti_sem_up(&b->sem);
    CHECK_INT(end(start(&s, b, DOWN, 0)), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), -EBUSY);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_semaphore_that_counts_things_done_gets_nothing_back_by_a_death)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    for (int i = 0; i < 3; i++)
        CHECK_INT(end(start(&s, b, UP, 0)), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_sem_down(&b->done), 0);
    CHECK_INT(end(start(&s, b, LOCK_AND_DIE, 0)), -TUTTI_ECRASH);
    CHECK_INT(tutti_mutex_lock(&b->lock), -TUTTI_EOWNERDEAD);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_sem_trydown(&b->done), -EBUSY);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_wait_for_a_unit_can_be_cut)
{
    tutti_executor *ex;
    tutti_scope s, in;
    struct board *b = board_open(&ex, &s, "processes://2", TUTTI_KEEP_GOING);
    tutti_scope_open(&in, ex, tutti_after(10 * TUTTI_MS), 0);
    CHECK_INT(tutti_sem_down(&b->done), -ETIMEDOUT);
    tutti_scope_close(&in);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    CHECK_INT(tutti_sem_trydown(&b->sem), 0);
    tutti_scope_open(&in, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_future f = start(&in, b, DOWN, 0);
    nap(5);
    tutti_scope_cancel(&in);
    CHECK_INT(tutti_future_await(f, NULL), -ECANCELED);
    tutti_scope_close(&in);
    tutti_sem_up(&b->sem);
    CHECK_INT(tutti_sem_down(&b->sem), 0); /* nobody who is gone has taken it */
    CHECK_INT(board_close(ex, &s), 0);
}

/* --- event, counter ------------------------------------------------------------------------ */

TEST(an_event_wakes_all_in_all_processes)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://3", 0);
    tutti_future f[3];
    for (int i = 0; i < 3; i++)
        f[i] = start(&s, b, WAIT_GO, 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(tutti_sem_down(&b->done), 0);
    nap(3); /* so that some are parked: either way is right */
    CHECK_INT(tutti_event_is_set(&b->go), 0);
    tutti_event_set(&b->go);
    CHECK_INT(tutti_event_is_set(&b->go), 1);
    tutti_event_clear(&b->go);
    tutti_event_set(&b->go); /* who had come too late for the first */
    for (int i = 0; i < 3; i++)
        CHECK_INT(end(f[i]), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(an_event_is_one_of_several_to_wait_for)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://1", 0);
    tutti_case c[] = { tutti_on_event(&b->go), tutti_on_event(&b->up),
                       tutti_on_time(tutti_after(20 * TUTTI_SEC)) };
    tutti_future f = start(&s, b, SET_UP, 0);
    CHECK_INT(tutti_wait(c, 3), 1);
    CHECK_INT(end(f), 0);
    tutti_event_clear(&b->up);
    c[2] = tutti_on_time(tutti_after(5 * TUTTI_MS));
    CHECK_INT(tutti_wait(c, 3), 2);
    tutti_event_set(&b->go);
    CHECK_INT(tutti_wait(c, 2), 0);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(a_counter_needs_no_word)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://2", 0);
    tutti_future f[2] = { start(&s, b, COUNT, 10000), start(&s, b, COUNT, 10000) };
    for (int i = 0; i < 10000; i++)
        tutti_counter_add(&b->count, 1);
    CHECK_INT(end(f[0]) | end(f[1]), 0);
    CHECK_INT(tutti_counter_get(&b->count), 30000);
    CHECK_INT(board_close(ex, &s), 0);
}

/* --- where ------------------------------------------------------------------------------------ */

TEST(the_same_calls_on_other_executors)
{
    static const char *const urls[] = { "loop://", "threads://2" };
    for (int i = 0; i < 2; i++) {
        tutti_executor *ex;
        tutti_scope s;
        struct board *b = board_open(&ex, &s, urls[i], 0);
        tutti_future f[2] = { start(&s, b, ADD, 100), start(&s, b, DOWN_UP, 100) };
        CHECK_INT(end(f[0]) | end(f[1]), 0);
        CHECK_INT(b->plain, 100);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

TEST(what_lies_elsewhere_is_refused)
{
    tutti_executor *ex;
    tutti_scope s;
    struct board *b = board_open(&ex, &s, "processes://1", 0);
    tutti_mutex mine = { { 0 } };
    tutti_ref r;
    tutti_mutex *sealed = tutti_share(&s, 1, sizeof *sealed, TUTTI_READ, &r);
    CHECK_INT(tutti_mutex_share(&s, &mine), -EINVAL);
    CHECK_INT(tutti_mutex_share(&s, sealed), -EINVAL);
    CHECK_INT(tutti_mutex_share(&s, NULL), -EINVAL);
    CHECK_INT(tutti_mutex_share(&s, (tutti_mutex *)(void *)(b->rest + 1)), -EINVAL);
    CHECK_INT(tutti_mutex_share(NULL, &b->lock), -EINVAL);
    CHECK_INT(board_close(ex, &s), 0);
}

TEST(more_objects_than_there_is_room_for)
{
    tutti_executor *ex;
    tutti_scope s, in;
    struct board *b = board_open(&ex, &s, "processes://1", 0);
    tutti_ref r;
    (void)b;
    for (int round = 0; round < 2; round++) {
        tutti_scope_open(&in, ex, TUTTI_NEVER, 0);
        tutti_event *e = tutti_share(&in, 3000, sizeof *e, TUTTI_WRITE, &r);
        int made = 0;
        while (tutti_event_share(&in, &e[made]) == 0)
            made++;
        CHECK_INT(tutti_event_share(&in, &e[made]), -ENOMEM);
        CHECK_INT(made, 2048 - 5);
        CHECK_INT(tutti_scope_close(&in), 0);
    }
    CHECK_INT(board_close(ex, &s), 0);
}

TEST_MAIN
