/* explore/symbol.h - names for addresses. */
#ifndef EXPLORE_SYMBOL_H
#define EXPLORE_SYMBOL_H
#include <stddef.h>
#include <stdint.h>

struct site {
    uintptr_t pc;
    int line; /* 0: not known */
    char function[80], file[160];
    char object[80]; /* where there is no line: the library or program */
};

/* The sites of these return addresses, filled in; slow the first time. */
void symbol_sites(struct site *site, size_t n);
/* What lies at a data address, in words. */
void symbol_data(uintptr_t address, char *to, size_t room);
#endif
