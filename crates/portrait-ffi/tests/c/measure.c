// What a session takes in time and memory, from the first call to the last: the numbers of docs/embedding.md.
//
// measure WEIGHTS PHOTO DRIVER: square RGBA pictures. With PLAIN in the environment glibc keeps what is freed as it likes, else it gives
// back what is large. PRECISION is one of `PortraitPrecision`, CACHE the `cache_directory`; the driver keeps what it compiles on its own
// (MESA_SHADER_CACHE_DIR, MESA_SHADER_CACHE_DISABLE).
#include "check.h"
#include <malloc.h>
#include <time.h>

enum { SIDE = 256, PICTURES = 7 };

static double seconds(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// MiB of this process in memory, as the system counts them: "VmRSS:" now, "VmHWM:" at most so far.
static double memory(const char *field) {
    if (getenv("PLAIN") == NULL) malloc_trim(0);
    FILE *file = fopen("/proc/self/status", "r");
    CHECK(file != NULL);
    char line[256];
    long kib = 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, field, strlen(field)) == 0) kib = atol(line + strlen(field));
    fclose(file);
    CHECK(kib > 0);
    return (double)kib / 1024;
}

// Seconds from the push of a frame to its pixels.
static double picture(PortraitSession session, PortraitFrame frame, uint8_t *pixels) {
    static uint64_t clock = 0;
    frame.timestamp_ns = clock += 40000000;
    double start = seconds();
    OK(portrait_session_push(session, &frame));
    PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = 4 * SIDE * SIDE};
    OK(portrait_session_take_picture(session, 120000, &picture));
    return seconds() - start;
}

static int later(const void *a, const void *b) {
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    uint8_t *pixels = malloc(4 * SIDE * SIDE);
    bool plain = getenv("PLAIN") != NULL;
    CHECK(plain || (mallopt(M_ARENA_MAX, 1) && mallopt(M_MMAP_THRESHOLD, 1 << 20)));
    double loaded = memory("VmRSS:"), start = seconds(), begin = start;

    const char *precision = getenv("PRECISION");
    PortraitEngineOptions how = {.struct_size = sizeof how, .weights_file = argv[1], .cache_directory = getenv("CACHE")};
    how.precision = precision == NULL ? PORTRAIT_PRECISION_AUTO : (uint32_t)atoi(precision);
    PortraitEngine engine;
    OK(portrait_engine_open(&how, &engine));
    OK(portrait_engine_wait(engine, -1));
    double opened = seconds();
    PortraitEngineInfo info = {.struct_size = sizeof info};
    OK(portrait_engine_info(engine, &info));
    printf("%s, preset %s, precision %u\n", info.adapter, info.preset, info.precision);
    printf("before: %.0f MiB\n", loaded);
    printf("engine: %.2f s, %.0f MiB\n", opened - start, memory("VmRSS:"));
    start = seconds();
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    printf("avatar: %.2f s, %.0f MiB\n", seconds() - start, memory("VmRSS:"));
    start = seconds();
    PortraitSessionOptions options = {
        .struct_size = sizeof options, .frame_width = driver.width, .frame_height = driver.height};
    PortraitSession session;
    OK(portrait_session_open(engine, avatar, &options, &session));
    picture(session, driver, pixels);
    printf("session until its first picture: %.2f s, %.0f MiB\n", seconds() - start, memory("VmRSS:"));
    printf("from the first call to the first picture: %.2f s\n", seconds() - begin);
    double times[PICTURES];
    for (int i = 0; i < PICTURES; i++) times[i] = picture(session, driver, pixels);
    qsort(times, PICTURES, sizeof *times, later);
    printf("a picture: median %.3f s, %.3f to %.3f s of %d\n", times[PICTURES / 2], times[0], times[PICTURES - 1], PICTURES);
    double whole = memory("VmRSS:"), left[3];
    printf("at work: %.0f MiB, peak %.0f MiB\n", whole, memory("VmHWM:"));

    // The memory of a frame that was copied waits for the next one. In a session that is paused nothing else happens.
    size_t large = (size_t)4 * 1920 * 1080;
    PortraitFrame camera = {.struct_size = sizeof camera,
                            .width = 1920,
                            .height = 1080,
                            .planes = {calloc(large, 1)},
                            .lengths = {large},
                            .strides = {(size_t)4 * 1920}};
    OK(portrait_session_pause(session));
    OK(portrait_session_push(session, &camera));
    double waiting = memory("VmRSS:");
    OK(portrait_session_trim(session, PORTRAIT_TRIM_WAITING));
    double freed = waiting - memory("VmRSS:");
    printf("a frame of 1920 x 1080 in RGBA that waits: trim gives back %.1f MiB\n", freed);
    CHECK(plain || freed > 7);
    free((void *)camera.planes[0]);
    OK(portrait_session_resume(session));

    // A picture comes after each level.
    const char *levels[] = {"frames and pictures that wait", "the session", "the pipelines too"};
    for (uint32_t level = PORTRAIT_TRIM_WAITING; level <= PORTRAIT_TRIM_PIPELINES; level++) {
        OK(portrait_session_trim(session, level));
        left[level] = memory("VmRSS:");
        double again = picture(session, driver, pixels);
        printf("trim, %s: %.0f MiB; next picture %.2f s, %.0f MiB\n", levels[level], left[level], again, memory("VmRSS:"));
    }
    OK(portrait_session_release(session));
    OK(portrait_avatar_release(avatar));
    OK(portrait_engine_release(engine));
    printf("released: %.0f MiB, peak %.0f MiB\n", memory("VmRSS:"), memory("VmHWM:"));

    // Elsewhere the GPU's memory is not the process's. Buffers are 17 MiB in f32, half of that in halves; pipelines are most of what
    // this driver has for a session. Neither are they there twice when they are made again, nor is memory taken in blocks that are larger
    // than what is in them.
    if (strstr(info.adapter, "llvmpipe") != NULL && !plain) {
        double buffers = info.precision == PORTRAIT_PRECISION_F32 ? 16.8 : 8.4;
        CHECK(left[0] < whole + 4 && left[1] < left[0] - 0.7 * buffers && left[2] < left[1] - 60);
        CHECK(whole < 405 && memory("VmHWM:") < 450);
    }
    free(pixels);
    free(photo_bytes);
    free(driver_bytes);
    return 0;
}
