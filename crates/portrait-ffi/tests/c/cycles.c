// Whether memory grows when everything is made and released again and again.
//
// cycles WEIGHTS PHOTO DRIVER: square RGBA pictures. With CYCLES in the environment, so many of each kind.
#include "check.h"
#include <malloc.h>

// Bytes of this process in memory, without what only waits to be used again.
static double resident(void) {
    malloc_trim(0);
    FILE *file = fopen("/proc/self/statm", "r");
    long total, pages;
    CHECK(file != NULL && fscanf(file, "%ld %ld", &total, &pages) == 2);
    fclose(file);
    return (double)pages * 4096.0;
}

// A session; with a picture if `pixels` says where to put it, and released while it opens if not.
static void session_cycle(PortraitEngine engine, PortraitAvatar avatar, const PortraitFrame *driver, uint8_t *pixels) {
    PortraitSessionOptions options = {
        .struct_size = sizeof options, .frame_width = driver->width, .frame_height = driver->height};
    PortraitSession session;
    OK(portrait_session_open(engine, avatar, &options, &session));
    if (pixels != NULL) {
        OK(portrait_session_push(session, driver));
        PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = 4 * 256 * 256};
        OK(portrait_session_take_picture(session, 120000, &picture));
    }
    OK(portrait_session_release(session));
}

// Runs warm-up cycles, then as many again, and fails if the second half needed more than `allowed` bytes.
#define STEADY(name, cycles, allowed, work)                                                                           \
    do {                                                                                                              \
        for (int i = 0; i < (cycles); i++) work;                                                                      \
        double before = resident();                                                                                   \
        for (int i = 0; i < (cycles); i++) work;                                                                      \
        double grown = resident() - before;                                                                           \
        printf("%s: %d cycles, %+.2f MiB in the second half, %.0f MiB in all\n", name, 2 * (cycles), grown / 1048576, \
               resident() / 1048576);                                                                                 \
        CHECK(grown < (allowed));                                                                                     \
    } while (0)

int main(int argc, char **argv) {
    CHECK(argc == 4);
    // One heap, and large blocks apart from it: what grows then is not what threads leave unused in heaps of their own.
    CHECK(mallopt(M_ARENA_MAX, 1) && mallopt(M_MMAP_THRESHOLD, 1 << 20));
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    uint8_t *pixels = malloc(4 * 256 * 256);

    PortraitEngine engine = open_engine(argv[1]);
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    const char *asked = getenv("CYCLES");
    int half = asked == NULL ? 0 : atoi(asked) / 2;
    // A session without a frame is a case of its own: uploads that no submission follows.
    STEADY("sessions without a frame", half > 0 ? half : 50, 8e6, session_cycle(engine, avatar, &driver, NULL));
    STEADY("sessions", half > 0 ? half : 10, 8e6, session_cycle(engine, avatar, &driver, pixels));
    OK(portrait_engine_release(engine));

    STEADY("engines", half > 0 ? half : 3, 16e6, {
        PortraitEngine other = open_engine(argv[1]);
        session_cycle(other, avatar, &driver, pixels);
        OK(portrait_engine_release(other));
    });
    OK(portrait_avatar_release(avatar));
    free(pixels);
    free(photo_bytes);
    free(driver_bytes);
    return 0;
}
