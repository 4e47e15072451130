/* base/list.h - a ring of links: an intrusive doubly linked list with a head.
 * Holds: l->next->prev == l and l->prev->next == l for the head and every member; a
 * link that is in no list has next == NULL.  Whoever owns the head guards it. */
#ifndef BASE_LIST_H
#define BASE_LIST_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct list {
    struct list *next, *prev;
};

/* The structure that holds the link p as its member. */
#define list_entry(p, type, member) \
    ((type *)(uintptr_t)((uintptr_t)(p) - offsetof(type, member)))

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}
static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}
static inline bool list_linked(const struct list *l)
{
    return l->next != NULL;
}
static inline void list_insert_before(struct list *at, struct list *l)
{
    l->next = at;
    l->prev = at->prev;
    at->prev->next = l;
    at->prev = l;
}
static inline void list_push_back(struct list *head, struct list *l)
{
    list_insert_before(head, l);
}
static inline void list_push_front(struct list *head, struct list *l)
{
    list_insert_before(head->next, l);
}
static inline void list_remove(struct list *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    l->next = l->prev = NULL;
}
/* The first, taken out; NULL when there is none. */
static inline struct list *list_pop(struct list *head)
{
    struct list *l = head->next;
    if (l == head)
        return NULL;
    list_remove(l);
    return l;
}
/* Move all of `from` behind what is in `to`; `from` is empty after. */
static inline void list_splice_back(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    from->prev->next = to;
    to->prev->next = from->next;
    to->prev = from->prev;
    list_init(from);
}
#endif
