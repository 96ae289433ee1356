// Pictures that reach the host's images without a copy, counted at the driver's door.
//
// copies WEIGHTS PHOTO DRIVER LAYER: square RGBA pictures; the library of `copies_layer.c`, which the loader has put in between.
#include "host.h"
#include <dlfcn.h>
#include <stdatomic.h>

#define FRAMES 4

static atomic_ulong *counter(void *layer, const char *name) {
    atomic_ulong *found = dlsym(layer, name);
    CHECK(found != NULL);
    return found;
}

int main(int argc, char **argv) {
    CHECK(argc == 5);
    PortraitEngine engine = open_engine(argv[1]);
    Host host = {0};
    if (!open_host_of(engine, &host)) return 0;
    // The one that the loader has opened.
    void *layer = dlopen(argv[4], RTLD_NOW | RTLD_NOLOAD);
    CHECK(layer != NULL);
    atomic_ulong *images = counter(layer, "counted_images"), *uploads = counter(layer, "counted_uploads");
    atomic_ulong *buffers = counter(layer, "counted_buffers");
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    Shared shared = share(&host, 400, 256, PORTRAIT_FORMAT_RGBA);
    PortraitTexture texture;
    OK(portrait_texture_open(engine, &shared.options, &texture));

    for (int in_memory = 0; in_memory < 2; in_memory++) {
        PortraitSessionOptions options = {.struct_size = sizeof options,
                                          .frame_width = driver.width,
                                          .frame_height = driver.height,
                                          .no_pictures = in_memory == 0};
        PortraitSession session;
        OK(portrait_session_open(engine, avatar, &options, &session));
        unsigned long before[3] = {0};
        // The first frame brings what the session was made with.
        for (int i = 0; i <= FRAMES; i++) {
            driver.timestamp_ns += 40000000;
            OK(portrait_session_push(session, &driver));
            OK(portrait_session_draw_picture(session, 120000, texture, NULL));
            if (i == 0) before[0] = *images, before[1] = *uploads, before[2] = *buffers;
        }
        unsigned long copied[3] = {*images - before[0], *uploads - before[1], *buffers - before[2]};
        OK(portrait_session_release(session));
        printf("%d frames, pictures %s: %lu copies of images, %lu of buffers into images, %lu of buffers\n", FRAMES,
               in_memory ? "in memory as well" : "in the host's image alone", copied[0], copied[1], copied[2]);
        // What was made is copied only where it was asked for in memory, which shows that copies are seen here.
        CHECK(copied[0] == (in_memory ? FRAMES : 0));
        // The driver's frames, and numbers.
        CHECK(copied[1] == FRAMES && copied[2] > 0);
    }
    OK(portrait_texture_release(texture));
    unshare(&host, &shared);
    OK(portrait_avatar_release(avatar));
    OK(portrait_engine_release(engine));
    close_host(&host);
    free(photo_bytes);
    free(driver_bytes);
    return 0;
}
