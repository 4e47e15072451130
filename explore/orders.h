/* explore/orders.h - memory orders listed and made weaker: see orders.c. */
#ifndef EXPLORE_ORDERS_H
#define EXPLORE_ORDERS_H
#include "engine.h"

bool orders_weaken(const char *text);
int orders_at(enum op op, int order, const void *pc); /* and note it */
int orders_made(enum op op, int order, const void *pc);
#endif
