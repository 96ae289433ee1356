// Pictures on a Wayland surface, photographed by the compositor.
//
// wayland WEIGHTS PHOTO DRIVER OUTPUT: square RGBA pictures in. Into OUTPUT/wide and OUTPUT/square, for a surface of 400 × 256 and one of
// 256 × 256, the picture as it is in memory and the compositor's photograph.
#include "check.h"
#include "xdg-shell.h"
#include <wayland-client.h>

typedef struct {
    struct wl_display *display;
    struct wl_compositor *compositor;
    struct xdg_wm_base *shell;
    struct wl_surface *surface;
    bool configured;
} Client;

static void answer(void *data, struct xdg_wm_base *shell, uint32_t serial) {
    (void)data;
    xdg_wm_base_pong(shell, serial);
}

static void configure(void *data, struct xdg_surface *surface, uint32_t serial) {
    xdg_surface_ack_configure(surface, serial);
    ((Client *)data)->configured = true;
}

// The compositor's wishes for the size are not followed: it shows what it is given.
static void resize(void *data, struct xdg_toplevel *window, int32_t width, int32_t height, struct wl_array *states) {
    (void)data, (void)window, (void)width, (void)height, (void)states;
}

static void leave(void *data, struct xdg_toplevel *window) { (void)data, (void)window; }

static void found(void *data, struct wl_registry *registry, uint32_t name, const char *interface, uint32_t version) {
    Client *client = data;
    (void)version;
    if (strcmp(interface, wl_compositor_interface.name) == 0)
        client->compositor = wl_registry_bind(registry, name, &wl_compositor_interface, 4);
    if (strcmp(interface, xdg_wm_base_interface.name) == 0)
        client->shell = wl_registry_bind(registry, name, &xdg_wm_base_interface, 1);
}

static void lost(void *data, struct wl_registry *registry, uint32_t name) { (void)data, (void)registry, (void)name; }

static const struct wl_registry_listener globals = {found, lost};
static const struct xdg_wm_base_listener pings = {answer};
static const struct xdg_surface_listener configures = {configure};
static const struct xdg_toplevel_listener wishes = {.configure = resize, .close = leave};

static void shown(void *data, struct wl_callback *callback, uint32_t time) {
    (void)time;
    wl_callback_destroy(callback);
    *(bool *)data = true;
}

static const struct wl_callback_listener frames = {shown};

// Makes a picture, and returns when the compositor shows it.
static void show(const Client *client, PortraitSession session, PortraitFrame *frame, uint8_t *pixels) {
    frame->timestamp_ns += 40000000;
    OK(portrait_session_push(session, frame));
    PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = 4 * 256 * 256};
    OK(portrait_session_take_picture(session, 120000, &picture));
    CHECK(picture.timestamp_ns == frame->timestamp_ns);
    // It was drawn before it could be taken. What is committed now has the same content, and the compositor says when that is seen.
    bool done = false;
    wl_callback_add_listener(wl_surface_frame(client->surface), &frames, &done);
    wl_surface_commit(client->surface);
    while (!done) CHECK(wl_display_dispatch(client->display) >= 0);
}

static void photograph(const char *output, const char *name, const uint8_t *pixels) {
    char command[4096], picture[4096];
    snprintf(command, sizeof command, "mkdir '%s/%s' && cd '%s/%s' && weston-screenshooter", output, name, output, name);
    CHECK(system(command) == 0);
    snprintf(picture, sizeof picture, "%s/%s/picture.rgba", output, name);
    write_file(picture, pixels, 4 * 256 * 256);
}

int main(int argc, char **argv) {
    CHECK(argc == 5);
    Client client = {.display = wl_display_connect(NULL)};
    CHECK(client.display != NULL);
    struct wl_registry *registry = wl_display_get_registry(client.display);
    wl_registry_add_listener(registry, &globals, &client);
    CHECK(wl_display_roundtrip(client.display) >= 0 && client.compositor != NULL && client.shell != NULL);
    xdg_wm_base_add_listener(client.shell, &pings, NULL);
    client.surface = wl_compositor_create_surface(client.compositor);
    struct xdg_surface *role = xdg_wm_base_get_xdg_surface(client.shell, client.surface);
    xdg_surface_add_listener(role, &configures, &client);
    struct xdg_toplevel *window = xdg_surface_get_toplevel(role);
    xdg_toplevel_add_listener(window, &wishes, NULL);
    // All of the screen: smaller contents are in its middle, on black.
    xdg_toplevel_set_fullscreen(window, NULL);
    wl_surface_commit(client.surface);
    while (!client.configured) CHECK(wl_display_dispatch(client.display) >= 0);

    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    uint8_t *pixels = malloc(4 * 256 * 256);
    PortraitEngine engine = open_engine(argv[1]);
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    PortraitSessionOptions options = {
        .struct_size = sizeof options, .frame_width = driver.width, .frame_height = driver.height};
    PortraitSession session;
    OK(portrait_session_open(engine, avatar, &options, &session));

    PortraitSurface surface = {.struct_size = sizeof surface,
                               .kind = PORTRAIT_WINDOW_WAYLAND,
                               .display = client.display,
                               .window = (uintptr_t)client.surface,
                               .width = 400,
                               .height = 256,
                               .bars = {0.0f, 0.0f, 1.0f}};
    OK(portrait_session_surface_created(session, &surface));
    show(&client, session, &driver, pixels);
    photograph(argv[4], "wide", pixels);
    OK(portrait_session_surface_changed(session, 256, 256));
    show(&client, session, &driver, pixels);
    photograph(argv[4], "square", pixels);

    // The surface goes, as when an app is left; the session goes on without.
    PortraitSessionStatus status = {.struct_size = sizeof status};
    OK(portrait_session_status(session, &status));
    CHECK(status.window);
    OK(portrait_session_surface_destroyed(session));
    xdg_toplevel_destroy(window);
    xdg_surface_destroy(role);
    wl_surface_destroy(client.surface);
    CHECK(wl_display_roundtrip(client.display) >= 0);
    OK(portrait_session_status(session, &status));
    CHECK(!status.window && !status.failed);
    OK(portrait_session_release(session));
    OK(portrait_avatar_release(avatar));
    OK(portrait_engine_release(engine));
    xdg_wm_base_destroy(client.shell);
    wl_compositor_destroy(client.compositor);
    wl_registry_destroy(registry);
    wl_display_disconnect(client.display);
    free(pixels);
    free(photo_bytes);
    free(driver_bytes);
    return 0;
}
