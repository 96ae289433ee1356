// How much memory this process has.
#ifndef RESIDENT_H
#define RESIDENT_H
#include "check.h"
#include <malloc.h>

// Bytes of this process in memory, without what only waits to be used again.
static inline double resident(void) {
    malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "r");
    long total, pages;
    CHECK(file != NULL && fscanf(file, "%ld %ld", &total, &pages) == 2);
    fclose(file);
    return (double)pages * 4096.0;
}

#endif
