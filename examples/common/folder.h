/* examples/common/folder.h - a folder for a while, gone when the program is, also by
 * Ctrl-C and SIGKILL.  Tests: tests/status_test.py. */
#ifndef EXAMPLES_FOLDER_H
#define EXAMPLES_FOLDER_H
#include <sys/types.h>

/* Zero is none.  Holds: path is "" or is removed by folder_close, or by the watcher, a
 * process of its own, when we end without. */
struct folder {
    char path[64];
    pid_t watcher;
    int watched; /* our end of what tells the watcher that we are there */
};
/* $TMPDIR/tutti-NAME-..., or in /tmp.  0, or -1: it cannot be made there. */
int folder_open(struct folder *f, const char *name);
void folder_close(struct folder *f);
/* Remove a folder and all in it. */
void folder_remove(const char *path);
#endif
