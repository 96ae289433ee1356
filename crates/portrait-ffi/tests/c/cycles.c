// Whether memory grows when everything is made and released again and again.
//
// cycles WEIGHTS PHOTO DRIVER: square RGBA pictures. With CYCLES in the environment, so many of each kind.
#include "resident.h"
#include <dirent.h>
#include <unistd.h>

// What all kinds of cycles take.
typedef struct {
    const char *weights;
    PortraitFrame photo, driver;
    // An avatar's bytes.
    uint8_t *stored;
    size_t length;
    // Room for a picture.
    uint8_t *pixels;
} Given;

static void avatar_cycle(PortraitEngine engine, const Given *given) {
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &given->photo, NULL, &avatar));
    OK(portrait_avatar_release(avatar));
}

// A session with an avatar of its own; until its first picture, or released while it opens.
static void session_cycle(PortraitEngine engine, const Given *given, bool picture) {
    PortraitAvatar avatar;
    OK(portrait_avatar_read(given->stored, given->length, &avatar));
    const PortraitFrame *driver = &given->driver;
    PortraitSessionOptions options = {
        .struct_size = sizeof options, .frame_width = driver->width, .frame_height = driver->height};
    PortraitSession session;
    OK(portrait_session_open(engine, avatar, &options, &session));
    if (picture) {
        OK(portrait_session_push(session, driver));
        PortraitPicture first = {.struct_size = sizeof first, .pixels = given->pixels, .length = 4 * 256 * 256};
        OK(portrait_session_take_picture(session, 120000, &first));
    }
    OK(portrait_session_release(session));
    OK(portrait_avatar_release(avatar));
}

static void engine_cycle(const Given *given) {
    PortraitEngine engine = open_engine(given->weights);
    session_cycle(engine, given, true);
    OK(portrait_engine_release(engine));
}

// Threads of this process that open engines.
static int openers(void) {
    DIR *threads = opendir("/proc/self/task");
    CHECK(threads != NULL);
    int count = 0;
    for (struct dirent *thread; (thread = readdir(threads)) != NULL;) {
        char path[300], name[16] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", thread->d_name);
        FILE *file = fopen(path, "r");
        // It may have ended meanwhile.
        if (file == NULL) continue;
        count += fgets(name, sizeof name, file) != NULL && strncmp(name, "portrait open", 13) == 0;
        fclose(file);
    }
    closedir(threads);
    return count;
}

// An engine that nobody wants any more before it is open.
static void hasty_cycle(const Given *given) {
    PortraitEngineOptions options = {.struct_size = sizeof options, .weights_file = given->weights};
    PortraitEngine engine;
    OK(portrait_engine_open(&options, &engine));
    OK(portrait_engine_release(engine));
    // A thread has its name a moment after it has begun.
    do usleep(20000);
    while (openers() > 0);
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
    Given given = {.weights = argv[1],
                   .photo = square(photo_bytes, photo_length),
                   .driver = square(driver_bytes, driver_length),
                   .pixels = malloc(4 * 256 * 256)};

    PortraitEngine engine = open_engine(given.weights);
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &given.photo, NULL, &avatar));
    CHECK(portrait_avatar_write(avatar, NULL, &given.length) == PORTRAIT_STATUS_BUFFER_TOO_SMALL);
    given.stored = malloc(given.length);
    OK(portrait_avatar_write(avatar, given.stored, &given.length));
    OK(portrait_avatar_release(avatar));

    const char *asked = getenv("CYCLES");
    int half = asked == NULL ? 0 : atoi(asked) / 2;
    STEADY("avatars", half > 0 ? half : 10, 8e6, avatar_cycle(engine, &given));
    // A session without a frame is a case of its own: uploads that no submission follows.
    STEADY("sessions without a frame", half > 0 ? half : 50, 8e6, session_cycle(engine, &given, false));
    STEADY("sessions with a picture", half > 0 ? half : 25, 8e6, session_cycle(engine, &given, true));
    OK(portrait_engine_release(engine));
    // Each compiles every kernel anew, which takes seconds.
    STEADY("engines", half > 0 ? half : 3, 4e6, engine_cycle(&given));
    STEADY("engines released before they were open", half > 0 ? half : 8, 4e6, hasty_cycle(&given));

    free(given.stored);
    free(given.pixels);
    free(photo_bytes);
    free(driver_bytes);
    return 0;
}
