/* net/file.h - what net/file.c does for the others of this layer. */
#ifndef NET_FILE_H
#define NET_FILE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool file_is_regular(int fd); /* a file that is always ready and yet may block: or a disk */
/* Read or write it on another thread, at offset, -1: where it stands. */
int file_transfer(int fd, void *buf, size_t n, int64_t offset, bool out);
#endif
