/* explore/script.h - decisions written down and followed: see script.c. */
#ifndef EXPLORE_SCRIPT_H
#define EXPLORE_SCRIPT_H
#include "engine.h"

int script_choose(enum choice kind, int usual_value, int (*draw)(void));
void script_load(const struct event *e, size_t n);
extern hidden struct event *script_events;
extern hidden size_t script_count, script_room;
#endif
