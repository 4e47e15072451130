/* exec/processes/events.h - what a worker did last, for the words about its death. */
#ifndef EXEC_PROCESSES_EVENTS_H
#define EXEC_PROCESSES_EVENTS_H
#include "exec/processes/shared.h"

enum event_kind { EVENT_BEGAN = 1, EVENT_ENDED, EVENT_ASKED, EVENT_INTERRUPTED, EVENT_KINDS };

struct serving;
/* Of the request r, that is being run here.  value: BEGAN: the time; ENDED: the code. */
void event_note(struct serving *s, enum event_kind kind, const struct request *r,
                int64_t value);
/* At home: the last of them, the oldest first, as text of less than `size` bytes; `end` is when
 * the worker died.  "": none is known.  Under procs.latch. */
void events_say(const struct head *h, const struct own *own, int64_t end, char *to,
                size_t size);
#endif
