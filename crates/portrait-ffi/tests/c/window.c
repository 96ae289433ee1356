// Pictures in an X11 window, through the life of a surface; and heat, memory and copies with it.
//
// window WEIGHTS FAST PHOTO DRIVER OUTPUT: weights of presets s and fast, square RGBA pictures in, what the window shows out.
#include "hold.h"
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <dlfcn.h>

// What the window shows, as RGB without gaps.
static uint8_t *screenshot(Display *display, Window window, unsigned width, unsigned height) {
    XSync(display, False);
    XImage *image = XGetImage(display, window, 0, 0, width, height, AllPlanes, ZPixmap);
    CHECK(image != NULL);
    uint8_t *rgb = malloc((size_t)3 * width * height);
    for (unsigned y = 0; y < height; y++) {
        for (unsigned x = 0; x < width; x++) {
            unsigned long pixel = XGetPixel(image, (int)x, (int)y);
            for (int c = 0; c < 3; c++) rgb[3 * (y * width + x) + (unsigned)c] = (uint8_t)(pixel >> (16 - 8 * c));
        }
    }
    XDestroyImage(image);
    return rgb;
}

static Window open_window(Display *display, unsigned width, unsigned height) {
    Window window = XCreateSimpleWindow(display, DefaultRootWindow(display), 0, 0, width, height, 0, 0, 0);
    XSelectInput(display, window, ExposureMask);
    XMapWindow(display, window);
    XEvent event;
    XWindowEvent(display, window, ExposureMask, &event);
    return window;
}

// Mean difference of the picture from what the window shows in its square of 256, whose corner is here.
static double off(const uint8_t *rgba, const uint8_t *rgb, unsigned width, unsigned left, unsigned top) {
    double sum = 0;
    for (unsigned y = 0; y < 256; y++)
        for (unsigned x = 0; x < 256; x++)
            for (unsigned c = 0; c < 3; c++)
                sum += abs(rgba[4 * (y * 256 + x) + c] - rgb[3 * ((top + y) * width + left + x) + c]);
    return sum / (256 * 256 * 3);
}

// The connection of XCB that Xlib has; NULL (printed) where the library for that is not there.
static void *xcb_of(Display *display) {
    void *library = dlopen("libX11-xcb.so.1", RTLD_NOW), *(*connection)(Display *);
    if (library == NULL) {
        puts("SKIP: no libX11-xcb.so.1");
        return NULL;
    }
    *(void **)&connection = dlsym(library, "XGetXCBConnection");
    CHECK(connection != NULL);
    return connection(display);
}

static void push_and_take(PortraitSession session, PortraitFrame *frame, uint8_t *pixels) {
    frame->timestamp_ns += 40000000;
    OK(portrait_session_push(session, frame));
    PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = 4 * 256 * 256};
    OK(portrait_session_take_picture(session, 120000, &picture));
    CHECK(picture.timestamp_ns == frame->timestamp_ns);
}

int main(int argc, char **argv) {
    CHECK(argc == 6 && XInitThreads());
    Display *display = XOpenDisplay(NULL);
    CHECK(display != NULL);
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[3], &photo_length), *driver_bytes = read_file(argv[4], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    uint8_t *pixels = malloc(4 * 256 * 256);

    PortraitEngine engine = open_engine(argv[1]);
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    // A smaller preset on the same device, for when it is hot; with an avatar of its own. What does not fit is found at once.
    PortraitEngineOptions cool_options = {
        .struct_size = sizeof cool_options, .weights_file = argv[2], .preset = "fast", .share = engine};
    PortraitEngine cool;
    OK(portrait_engine_open(&cool_options, &cool));
    PortraitAvatar cool_avatar;
    OK(portrait_avatar_prepare(cool, &photo, NULL, &cool_avatar));
    PortraitSessionOptions options = {.struct_size = sizeof options,
                                      .frame_width = driver.width,
                                      .frame_height = driver.height,
                                      .cool_engine = cool,
                                      .cool_avatar = cool_avatar};
    PortraitSession session;
    options.cool_avatar = avatar;
    FAILS(portrait_session_open(engine, avatar, &options, &session), PORTRAIT_STATUS_AVATAR, "the avatar was made with");
    options.cool_avatar = cool_avatar;
    OK(portrait_session_open(engine, avatar, &options, &session));

    // Misuse of windows.
    PortraitSurface surface = {0};
    FAILS(portrait_session_surface_created(session, NULL), PORTRAIT_STATUS_INVALID_ARGUMENT, "`surface` is null");
    FAILS(portrait_session_surface_created(session, &surface), PORTRAIT_STATUS_INVALID_ARGUMENT, "struct_size");
    surface.struct_size = sizeof surface;
    FAILS(portrait_session_surface_created(session, &surface), PORTRAIT_STATUS_INVALID_ARGUMENT, "`display` is null");
    surface.kind = 6;
    FAILS(portrait_session_surface_created(session, &surface), PORTRAIT_STATUS_INVALID_ARGUMENT, "`kind` is 6");
    surface.kind = PORTRAIT_WINDOW_METAL_LAYER;
    surface.window = 4096;
    FAILS(portrait_session_surface_created(session, &surface), PORTRAIT_STATUS_UNSUPPORTED, "CAMetalLayer");
    surface.kind = PORTRAIT_WINDOW_WIN32;
    FAILS(portrait_session_surface_created(session, &surface), PORTRAIT_STATUS_SURFACE, "window");
    OK(portrait_session_surface_destroyed(session));
    OK(portrait_session_surface_changed(session, 10, 10));

    // A window wider than the picture: all of it, bars beside it.
    Window window = open_window(display, 400, 256);
    surface = (PortraitSurface){.struct_size = sizeof surface,
                                .kind = PORTRAIT_WINDOW_XLIB,
                                .display = display,
                                .window = window,
                                .width = 400,
                                .height = 256,
                                .bars = {0.0f, 0.0f, 1.0f}};
    OK(portrait_session_surface_created(session, &surface));
    push_and_take(session, &driver, pixels);
    uint8_t *shown = screenshot(display, window, 400, 256);
    printf("window: %.2f of 255 from the picture in memory\n", off(pixels, shown, 400, 72, 0));
    CHECK(off(pixels, shown, 400, 72, 0) < 1.0);
    CHECK(shown[0] == 0 && shown[1] == 0 && shown[2] == 255);
    char path[4096];
    snprintf(path, sizeof path, "%s/window.rgb", argv[5]);
    write_file(path, shown, (size_t)3 * 400 * 256);
    free(shown);

    // Another size: the picture is in the middle of it.
    XResizeWindow(display, window, 256, 400);
    XSync(display, False);
    OK(portrait_session_surface_changed(session, 256, 400));
    push_and_take(session, &driver, pixels);
    shown = screenshot(display, window, 256, 400);
    CHECK(off(pixels, shown, 256, 0, 72) < 1.0);
    free(shown);

    // While there are no pixels nothing is shown, and nothing fails.
    OK(portrait_session_surface_changed(session, 0, 0));
    push_and_take(session, &driver, pixels);

    // The window goes, as when an app is left, and another comes: it shows the newest picture at once.
    OK(portrait_session_surface_destroyed(session));
    XDestroyWindow(display, window);
    PortraitSessionStatus status = {.struct_size = sizeof status};
    OK(portrait_session_status(session, &status));
    CHECK(!status.window);
    push_and_take(session, &driver, pixels);
    window = open_window(display, 256, 256);
    surface.window = window;
    surface.width = surface.height = 256;
    surface.fit = PORTRAIT_FIT_COVER;
    OK(portrait_session_surface_created(session, &surface));
    OK(portrait_session_status(session, &status));
    CHECK(status.window);
    // Who waits for something else, waits for that too.
    OK(portrait_session_trim(session, PORTRAIT_TRIM_WAITING));
    shown = screenshot(display, window, 256, 256);
    CHECK(off(pixels, shown, 256, 0, 0) < 1.0);
    free(shown);
    // By XCB it is the same window.
    void *xcb = xcb_of(display);
    if (xcb != NULL) {
        PortraitSurface same = surface;
        same.kind = PORTRAIT_WINDOW_XCB;
        same.display = xcb;
        OK(portrait_session_surface_created(session, &same));
        XClearWindow(display, window);
        push_and_take(session, &driver, pixels);
        shown = screenshot(display, window, 256, 256);
        CHECK(off(pixels, shown, 256, 0, 0) < 1.0);
        free(shown);
    }
    // The same window again is the same as a new one.
    OK(portrait_session_surface_created(session, &surface));

    // However busy the session's thread is, a window comes and goes before that knows of it. A session that opens takes seconds.
    OK(portrait_session_surface_destroyed(session));
    Hold hold;
    hold_up(session, driver, &hold);
    OK(portrait_session_surface_created(session, &surface));
    OK(portrait_session_surface_changed(session, 256, 256));
    OK(portrait_session_status(session, &status));
    CHECK(status.window);
    OK(portrait_session_surface_destroyed(session));
    OK(portrait_session_status(session, &status));
    CHECK(!status.window);
    OK(portrait_session_surface_created(session, &surface));
    CHECK(sem_post(&hold.go_on) == 0);
    PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = 4 * 256 * 256};
    OK(portrait_session_take_picture(session, 120000, &picture));
    end_hold(&hold);
    push_and_take(session, &driver, pixels);
    shown = screenshot(display, window, 256, 256);
    CHECK(off(pixels, shown, 256, 0, 0) < 1.0);
    free(shown);

    // Memory given back, heat that the other engine takes over, and back.
    OK(portrait_session_trim(session, PORTRAIT_TRIM_SESSION));
    push_and_take(session, &driver, pixels);
    OK(portrait_session_set_thermal(session, PORTRAIT_THERMAL_CRITICAL));
    push_and_take(session, &driver, pixels);
    OK(portrait_session_status(session, &status));
    CHECK(status.cooled && status.window);
    shown = screenshot(display, window, 256, 256);
    CHECK(off(pixels, shown, 256, 0, 0) < 1.0);
    free(shown);
    OK(portrait_session_set_thermal(session, PORTRAIT_THERMAL_NOMINAL));
    push_and_take(session, &driver, pixels);
    OK(portrait_session_status(session, &status));
    CHECK(!status.cooled);

    // Only on the window: nothing is copied to memory.
    OK(portrait_session_release(session));
    options.no_pictures = true;
    OK(portrait_session_open(engine, avatar, &options, &session));
    OK(portrait_session_surface_created(session, &surface));
    driver.timestamp_ns += 40000000;
    OK(portrait_session_push(session, &driver));
    PortraitPicture none = {.struct_size = sizeof none};
    CHECK(portrait_session_take_picture(session, 3000, &none) == PORTRAIT_STATUS_PENDING);
    do OK(portrait_session_status(session, &status));
    while (status.pictures == 0);

    // A window that goes too early is given up, and the status says why.
    CHECK(status.window && status.window_failure[0] == 0);
    XDestroyWindow(display, window);
    XSync(display, False);
    OK(portrait_session_surface_changed(session, 300, 300));
    OK(portrait_session_trim(session, PORTRAIT_TRIM_WAITING));
    OK(portrait_session_status(session, &status));
    printf("a window that is gone: %s\n", status.window_failure);
    CHECK(!status.window && !status.failed && strstr(status.window_failure, "cannot draw on the window") != NULL);
    // Another one is drawn on.
    window = open_window(display, 256, 256);
    surface.window = window;
    OK(portrait_session_surface_created(session, &surface));
    OK(portrait_session_trim(session, PORTRAIT_TRIM_WAITING));
    OK(portrait_session_status(session, &status));
    CHECK(status.window && status.window_failure[0] == 0);

    // Released with its window still there; only then the window goes.
    OK(portrait_session_release(session));
    XDestroyWindow(display, window);
    OK(portrait_engine_release(cool));
    OK(portrait_engine_release(engine));
    OK(portrait_avatar_release(avatar));
    OK(portrait_avatar_release(cool_avatar));
    XCloseDisplay(display);
    free(pixels);
    free(photo_bytes);
    free(driver_bytes);
    puts("window: shown as it is in memory");
    return 0;
}
