// Pictures that reach the host's images without a copy, and frames in NV12 that reach the GPU as they are, counted at the driver's door.
//
// copies WEIGHTS PHOTO DRIVER LAYER: square RGBA pictures; the library of `copies_layer.c`, which the loader has put in between.
#include "host.h"
#include "yuv.h"
#include <dlfcn.h>
#include <stdatomic.h>

#define FRAMES 4

static atomic_ulong *counter(void *layer, const char *name) {
    atomic_ulong *found = dlsym(layer, name);
    CHECK(found != NULL);
    return found;
}

// What has been copied.
typedef struct {
    atomic_ulong *images, *uploads, *buffers, *bytes;
} Counters;

typedef struct {
    unsigned long images, uploads, buffers, bytes;
} Copied;

static Copied so_far(const Counters *counters) {
    return (Copied){*counters->images, *counters->uploads, *counters->buffers, *counters->bytes};
}

// What is copied for `FRAMES` frames like this one, in a session of its own.
static Copied copied(const Counters *counters, PortraitEngine engine, PortraitAvatar avatar, PortraitFrame frame, bool in_memory,
                     PortraitTexture texture, const char *words) {
    PortraitSessionOptions options = {.struct_size = sizeof options,
                                      .frame_width = frame.width,
                                      .frame_height = frame.height,
                                      .no_pictures = !in_memory};
    PortraitSession session;
    OK(portrait_session_open(engine, avatar, &options, &session));
    Copied before = {0};
    // The first frame brings what the session was made with.
    for (int i = 0; i <= FRAMES; i++) {
        frame.timestamp_ns += 40000000;
        OK(portrait_session_push(session, &frame));
        OK(portrait_session_draw_picture(session, 120000, texture, NULL));
        if (i == 0) before = so_far(counters);
    }
    Copied after = so_far(counters);
    OK(portrait_session_release(session));
    Copied those = {after.images - before.images, after.uploads - before.uploads, after.buffers - before.buffers,
                    after.bytes - before.bytes};
    printf("%d frames in %s: %lu copies of images, %lu of buffers into images, %lu of buffers with %lu bytes\n", FRAMES, words,
           those.images, those.uploads, those.buffers, those.bytes);
    return those;
}

int main(int argc, char **argv) {
    CHECK(argc == 5);
    PortraitEngine engine = open_engine(argv[1]);
    Host host = {0};
    if (!open_host_of(engine, &host)) return 0;
    // The one that the loader has opened.
    void *layer = dlopen(argv[4], RTLD_NOW | RTLD_NOLOAD);
    CHECK(layer != NULL);
    Counters counters = {counter(layer, "counted_images"), counter(layer, "counted_uploads"), counter(layer, "counted_buffers"),
                         counter(layer, "counted_bytes")};
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    Shared shared = share(&host, 400, 256, PORTRAIT_FORMAT_RGBA);
    PortraitTexture texture;
    OK(portrait_texture_open(engine, &shared.options, &texture));

    // What was made is copied only where it was asked for in memory, which shows that copies are seen here. The driver's frames are
    // copied, and numbers.
    Copied alone = copied(&counters, engine, avatar, driver, false, texture, "RGBA, pictures in the host's image alone");
    CHECK(alone.images == 0 && alone.uploads == FRAMES && alone.buffers > 0);
    Copied both = copied(&counters, engine, avatar, driver, true, texture, "RGBA, pictures in memory as well");
    CHECK(both.images == FRAMES && both.uploads == FRAMES);

    // A byte and a half for each pixel is a frame in NV12 as it came: the CPU has made no picture of it.
    PortraitFrame camera;
    uint8_t *planes = yuv(&driver, PORTRAIT_FORMAT_NV12, PORTRAIT_COLOUR_BT601_FULL, 0, &camera);
    Copied packed = copied(&counters, engine, avatar, camera, false, texture, "NV12, pictures in the host's image alone");
    unsigned long area = (unsigned long)camera.width * camera.height, more = packed.bytes - alone.bytes;
    CHECK(packed.images == 0 && packed.uploads == 0);
    CHECK(more >= FRAMES * area * 3 / 2 && more < FRAMES * (area * 3 / 2 + 1024));
    free(planes);
    OK(portrait_texture_release(texture));
    unshare(&host, &shared);
    OK(portrait_avatar_release(avatar));
    OK(portrait_engine_release(engine));
    close_host(&host);
    free(photo_bytes);
    free(driver_bytes);
    return 0;
}
