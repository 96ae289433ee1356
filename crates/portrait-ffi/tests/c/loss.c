// A GPU that is lost while somebody waits for it: every call says so, and a new engine goes on.
//
// loss FAST PHOTO DRIVER LAYER: weights of preset fast, square RGBA pictures; the library of `loss_layer.c`, which the loader has put in
// between.
#include "check.h"
#include <dlfcn.h>
#include <stdatomic.h>

enum { SIDE = 256, DEVICE = PORTRAIT_STATUS_DEVICE };

static uint8_t pixels[4 * SIDE * SIDE];

static PortraitEngine open_fast(const char *weights) {
    PortraitEngineOptions options = {.struct_size = sizeof options, .weights_file = weights, .preset = "fast"};
    PortraitEngine engine = 0;
    OK(portrait_engine_open(&options, &engine));
    OK(portrait_engine_wait(engine, -1));
    return engine;
}

static PortraitSession open_session(PortraitEngine engine, PortraitAvatar avatar, const PortraitFrame *driver) {
    PortraitSessionOptions options = {
        .struct_size = sizeof options, .frame_width = driver->width, .frame_height = driver->height};
    PortraitSession session;
    OK(portrait_session_open(engine, avatar, &options, &session));
    return session;
}

static PortraitStatus show(PortraitSession session, PortraitFrame *driver) {
    driver->timestamp_ns += 40000000;
    PortraitStatus status = portrait_session_push(session, driver);
    if (status != PORTRAIT_STATUS_OK) return status;
    PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = sizeof pixels};
    return portrait_session_take_picture(session, 120000, &picture);
}

int main(int argc, char **argv) {
    CHECK(argc == 5);
    void *layer = dlopen(argv[4], RTLD_NOW | RTLD_NOLOAD);
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    PortraitEngine engine = open_fast(argv[1]);
    PortraitEngineInfo info = {.struct_size = sizeof info};
    OK(portrait_engine_info(engine, &info));
    if (layer == NULL) layer = dlopen(argv[4], RTLD_NOW | RTLD_NOLOAD);
    if (strcmp(info.backend, "Vulkan") != 0 || layer == NULL) {
        printf("SKIP: no layer between this program and %s\n", info.backend);
        return 0;
    }
    atomic_bool *lost = dlsym(layer, "devices_lost");
    CHECK(lost != NULL);
    PortraitAvatar avatar, other;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    PortraitSession session = open_session(engine, avatar, &driver);
    OK(show(session, &driver));

    *lost = true;
    FAILS(show(session, &driver), DEVICE, "device lost");
    printf("%s\n", portrait_last_error());
    FAILS(portrait_session_push(session, &driver), DEVICE, "device lost");
    PortraitSessionStatus status = {.struct_size = sizeof status};
    OK(portrait_session_status(session, &status));
    CHECK(status.failed && !status.open);
    FAILS(portrait_avatar_prepare(engine, &photo, NULL, &other), DEVICE, "device lost");
    OK(portrait_session_pause(session));
    OK(portrait_session_release(session));
    OK(portrait_engine_release(engine));
    // Without a session: the first to hear of it is a call.
    *lost = false;
    engine = open_fast(argv[1]);
    *lost = true;
    FAILS(portrait_avatar_prepare(engine, &photo, NULL, &other), DEVICE, "device lost");
    OK(portrait_engine_release(engine));

    *lost = false;
    engine = open_fast(argv[1]);
    session = open_session(engine, avatar, &driver);
    OK(show(session, &driver));
    OK(portrait_session_release(session));
    OK(portrait_avatar_release(avatar));
    OK(portrait_engine_release(engine));
    free(photo_bytes);
    free(driver_bytes);
    puts("loss: told, and over with a new engine");
    return 0;
}
