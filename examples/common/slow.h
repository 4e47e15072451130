/* examples/common/slow.h - the small server of server.h, in its own process. */
#ifndef EXAMPLES_SLOW_H
#define EXAMPLES_SLOW_H
struct slow_options;

/* Serve what the listening socket brings.  Returns only when it is no use. */
void slow_serve(int listener, const struct slow_options *o);
#endif
