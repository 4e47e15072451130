/* tests/cells/four.h - four bodies on four threads, joined; nothing else orders them. */
#ifndef FOUR_H
#define FOUR_H
#include <pthread.h>

static void *four_body(void *body)
{
    (*(void (**)(void))body)();
    return NULL;
}

static void four_run(void (*a)(void), void (*b)(void), void (*c)(void), void (*d)(void))
{
    void (*body[4])(void) = { a, b, c, d };
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, four_body, &body[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
}
#endif
