// What all test programs share: checks that say what failed, and pictures from raw files.
#ifndef CHECK_H
#define CHECK_H

#include "portrait.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                                              \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: %s\n  last error: %s\n", __FILE__, __LINE__, #condition, portrait_last_error());  \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

#define OK(call) CHECK((call) == PORTRAIT_STATUS_OK)

// Fails with this status, and the text says this.
#define FAILS(call, status, text)                                                                                     \
    do {                                                                                                              \
        CHECK((call) == (status));                                                                                    \
        CHECK(strstr(portrait_last_error(), text) != NULL);                                                           \
    } while (0)

// Libraries stay loaded to the end. AddressSanitizer looks for leaks there, and would take what a driver that was unloaded has
// allocated for the work of whoever lies near the addresses it had.
int dlclose(void *library) {
    (void)library;
    return 0;
}

static inline uint8_t *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    CHECK(fseek(file, 0, SEEK_END) == 0);
    long end = ftell(file);
    CHECK(end > 0 && fseek(file, 0, SEEK_SET) == 0);
    uint8_t *bytes = malloc((size_t)end);
    CHECK(bytes != NULL && fread(bytes, 1, (size_t)end, file) == (size_t)end);
    fclose(file);
    *length = (size_t)end;
    return bytes;
}

static inline void write_file(const char *path, const uint8_t *bytes, size_t length) {
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

// A square RGBA picture of a file, upright, copied by whoever takes it.
static inline PortraitFrame square(const uint8_t *rgba, size_t length) {
    uint32_t side = 1;
    while ((size_t)4 * side * side < length) side++;
    CHECK((size_t)4 * side * side == length);
    PortraitFrame frame = {.struct_size = sizeof frame, .format = PORTRAIT_FORMAT_RGBA, .width = side, .height = side};
    frame.planes[0] = rgba;
    frame.lengths[0] = length;
    frame.strides[0] = (size_t)4 * side;
    return frame;
}

// An engine of these weights, open.
static inline PortraitEngine open_engine(const char *weights) {
    PortraitEngineOptions options = {.struct_size = sizeof options, .weights_file = weights};
    PortraitEngine engine = 0;
    OK(portrait_engine_open(&options, &engine));
    OK(portrait_engine_wait(engine, -1));
    return engine;
}

#endif
