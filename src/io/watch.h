/* io/watch.h - the descriptors that one epoll knows, and who waits for each: what io/poll.c
 * asks of it.  See watch.c for how they are registered. */
#ifndef IO_WATCH_H
#define IO_WATCH_H
#include "io/poll.h"

struct watch;

/* Holds: nodes is the number of nodes in all of table, which has `room` places, by
 * descriptor; NULL: never waited for. */
struct watches {
    int epoll;
    struct watch **table;
    size_t room, nodes;
};

/* As poller_add, poller_add_edge, poller_remove. */
int watches_add(struct watches *all, struct poll_node *n);
int watches_add_edge(struct watches *all, struct poll_node *n);
void watches_remove(struct watches *all, struct poll_node *n);
/* The epoll has said that this came. */
void watches_report(struct watches *all, uint64_t data, uint32_t came);
/* End the waits for those that were closed by us. */
void watches_drop_stale(struct watches *all);
void watches_free(struct watches *all);
#endif
