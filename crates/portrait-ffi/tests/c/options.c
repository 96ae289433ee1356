// What a host may choose: engine, photo, frames and sessions with every option that is not the default.
//
// options FAST PHOTO DRIVER CACHE: weights of preset fast, square RGBA pictures, a folder that is not there yet.
#include "yuv.h"
#include <glob.h>
#include <math.h>
#include <time.h>

enum { SIDE = 256, BYTES = 4 * SIDE * SIDE };

static PortraitEngine open_fast(const char *weights, const char *cache, const char *adapter, uint32_t untested) {
    PortraitEngineOptions options = {.struct_size = sizeof options,
                                     .weights_file = weights,
                                     .preset = "fast",
                                     .adapter = adapter,
                                     .cache_directory = cache,
                                     .precision = PORTRAIT_PRECISION_F32,
                                     .no_self_test = untested};
    PortraitEngine engine = 0;
    OK(portrait_engine_open(&options, &engine));
    OK(portrait_engine_wait(engine, -1));
    return engine;
}

static double difference(const uint8_t *a, const uint8_t *b) {
    double sum = 0;
    for (size_t i = 0; i < BYTES; i++) sum += abs(a[i] - b[i]);
    return sum / BYTES;
}

static double seconds(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// The picture of a frame in a session.
static void show(PortraitSession session, PortraitFrame frame, uint8_t *pixels) {
    static uint64_t clock = 0;
    frame.timestamp_ns = clock += 40000000;
    OK(portrait_session_push(session, &frame));
    PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = BYTES};
    OK(portrait_session_take_picture(session, 120000, &picture));
    CHECK(picture.timestamp_ns == frame.timestamp_ns);
}

// The same pixels with each row's and each column's order as asked for, and rows that are longer than they need be.
static uint8_t *arranged(const PortraitFrame *from, bool mirrored, bool upside_down, bool on_its_side, PortraitFrame *out) {
    size_t side = from->width, stride = 4 * side + 52;
    uint8_t *bytes = calloc(side, stride);
    CHECK(bytes != NULL && from->height == side);
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++) {
            size_t u = mirrored ? side - 1 - x : x, v = upside_down ? side - 1 - y : y;
            if (on_its_side) {
                size_t swapped = u;
                u = v;
                v = swapped;
            }
            memcpy(bytes + y * stride + 4 * x, from->planes[0] + 4 * (v * side + u), 4);
        }
    *out = *from;
    out->planes[0] = bytes;
    out->strides[0] = stride;
    // The last row may end with its last pixel.
    out->lengths[0] = (side - 1) * stride + 4 * side;
    return bytes;
}

// Of what a first start has found on a driver that is wrong, the host hears at the next.
static void given_up(const char *weights, const char *cache) {
    char pattern[512];
    snprintf(pattern, sizeof pattern, "%s/*.selftest", cache);
    glob_t found;
    CHECK(glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc == 1);
    FILE *file = fopen(found.gl_pathv[0], "w");
    CHECK(file != NULL);
    fputs("{\"tier\": \"f32\", \"avoid\": [\"conv3x3_8x8\"], \"above\": [{\"tier\": \"f16_packed\", \"wrong\": [\"warp\"]}]}", file);
    CHECK(fclose(file) == 0);
    globfree(&found);
    PortraitEngine engine = open_fast(weights, cache, NULL, 0);
    PortraitEngineInfo info = {.struct_size = sizeof info};
    OK(portrait_engine_info(engine, &info));
    printf("%s\n", info.warnings);
    CHECK(strstr(info.warnings, "warp wrongly in f16_packed, or not at all: f32 is used instead\n") != NULL);
    CHECK(strstr(info.warnings, "conv3x3_8x8 wrongly: gone around") != NULL);
    OK(portrait_engine_release(engine));
}

int main(int argc, char **argv) {
    CHECK(argc == 5);
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);

    // The first start with a cache tests every pipeline; asked again, the answer is the same.
    PortraitEngine first = open_fast(argv[1], argv[4], NULL, 0);
    PortraitEngineInfo info = {.struct_size = sizeof info};
    OK(portrait_engine_info(first, &info));
    CHECK(info.precision == PORTRAIT_PRECISION_F32 && strcmp(info.preset, "fast") == 0);
    PortraitSelfTest tested = {.struct_size = sizeof tested};
    OK(portrait_engine_self_test(first, &tested));
    printf("self-test: %u pipelines, %u of them wrong\n", tested.pipelines, tested.failed);
    CHECK(tested.pipelines > 20 && tested.failed == 0 && tested.names[0] == 0);
    FAILS(portrait_engine_self_test(first, NULL), PORTRAIT_STATUS_INVALID_ARGUMENT, "null");
    FAILS(portrait_engine_self_test(0, &tested), PORTRAIT_STATUS_INVALID_HANDLE, "engine");
    CHECK(info.warnings[0] == 0);
    OK(portrait_engine_release(first));
    given_up(argv[1], argv[4]);
    // By a part of its name, and without the test.
    char part[8];
    snprintf(part, sizeof part, "%.5s", info.adapter);
    PortraitEngine engine = open_fast(argv[1], NULL, part, 1);

    // All of the photo, and which face of it.
    PortraitPrepareOptions prepare = {.struct_size = sizeof prepare, .face = PORTRAIT_FACE_LARGEST, .whole_photo = true};
    PortraitAvatar avatar, whole;
    OK(portrait_avatar_prepare(engine, &photo, &prepare, &whole));
    PortraitAvatarInfo about = {.struct_size = sizeof about};
    OK(portrait_avatar_info(whole, &about));
    CHECK(about.crop[0] == 0 && about.crop[1] == 0 && about.crop[2] == photo.width);
    OK(portrait_avatar_release(whole));
    prepare = (PortraitPrepareOptions){
        .struct_size = sizeof prepare, .face = PORTRAIT_FACE_AT, .x = 0.4f * photo.width, .y = 0.3f * photo.height};
    OK(portrait_avatar_prepare(engine, &photo, &prepare, &avatar));
    OK(portrait_avatar_info(avatar, &about));
    CHECK(about.side == SIDE && about.crop[2] < photo.width);
    prepare.x = NAN;
    FAILS(portrait_avatar_prepare(engine, &photo, &prepare, &whole), PORTRAIT_STATUS_INVALID_ARGUMENT, "finite");

    // However a frame lies in memory, it is the same driver once upright.
    PortraitMotion motion;
    OK(portrait_motion_init(&motion));
    motion.absolute = motion.raw = true;
    PortraitSessionOptions options = {
        .struct_size = sizeof options, .frame_width = driver.width, .frame_height = driver.height, .motion = &motion};
    PortraitSession session;
    OK(portrait_session_open(engine, avatar, &options, &session));
    uint8_t *upright = malloc(BYTES), *other = malloc(BYTES);
    // The region around the face settles first.
    for (int i = 0; i < 5; i++) show(session, driver, upright);
    struct {
        const char *name;
        bool mirrored, upside_down, on_its_side, mirror;
        uint32_t rotation, format, gap;
    } ways[] = {{"mirrored", true, false, false, true, 0, PORTRAIT_FORMAT_RGBA, 0},
                {"upside down", true, true, false, false, 180, PORTRAIT_FORMAT_RGBA, 0},
                {"lying on its left side", true, false, true, false, 270, PORTRAIT_FORMAT_RGBA, 0},
                {"lying on its right side, mirrored", false, false, true, true, 90, PORTRAIT_FORMAT_RGBA, 0},
                {"mirrored, NV12", true, false, false, true, 0, PORTRAIT_FORMAT_NV12, 5},
                {"upside down, NV21", true, true, false, false, 180, PORTRAIT_FORMAT_NV21, 64},
                {"lying on its left side, I420", true, false, true, false, 270, PORTRAIT_FORMAT_I420, 7},
                {"lying on its right side, mirrored, NV12", false, false, true, true, 90, PORTRAIT_FORMAT_NV12, 1},
                {"lying on its right side, mirrored, NV21", false, false, true, true, 90, PORTRAIT_FORMAT_NV21, 30},
                {"mirrored, I420", true, false, false, true, 0, PORTRAIT_FORMAT_I420, 1}};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        PortraitFrame rgba;
        uint8_t *bytes = arranged(&driver, ways[i].mirrored, ways[i].upside_down, ways[i].on_its_side, &rgba), *planes = NULL;
        rgba.mirror = ways[i].mirror;
        rgba.rotation = ways[i].rotation;
        PortraitFrame frame = rgba;
        bool plain = ways[i].format == PORTRAIT_FORMAT_RGBA;
        if (!plain) planes = yuv(&rgba, ways[i].format, PORTRAIT_COLOUR_BT601_FULL, ways[i].gap, &frame);
        show(session, frame, other);
        printf("%s, rows with gaps: %.2f of 255 from upright\n", ways[i].name, difference(upright, other));
        // Four pixels share their chroma.
        CHECK(difference(upright, other) < (plain ? 0.5 : 1.0));
        // Without the turn it is another driver: the check above says something.
        frame.rotation = (frame.rotation + 180) % 360;
        show(session, frame, other);
        CHECK(difference(upright, other) > 0.5);
        for (int j = 0; j < 3; j++) show(session, driver, other);
        free(bytes);
        free(planes);
    }

    // Whichever way luma and chroma are made of colours, it is the same driver.
    uint32_t colours[] = {PORTRAIT_COLOUR_BT601_FULL, PORTRAIT_COLOUR_BT601, PORTRAIT_COLOUR_BT709_FULL, PORTRAIT_COLOUR_BT709};
    PortraitFrame frame;
    for (size_t i = 0; i < 4; i++) {
        uint8_t *planes = yuv(&driver, PORTRAIT_FORMAT_NV12, colours[i], 0, &frame);
        show(session, frame, other);
        printf("colours %u: %.2f of 255 from RGBA\n", colours[i], difference(upright, other));
        CHECK(difference(upright, other) < 1.0);
        frame.colour = 4;
        FAILS(portrait_session_push(session, &frame), PORTRAIT_STATUS_FRAME, "`colour` is 4");
        free(planes);
    }

    // Clocks that stand still, run backwards or jump do no harm to what is smoothed.
    motion.raw = false;
    OK(portrait_session_set_motion(session, &motion));
    uint64_t times[] = {0, 0, 9000000000, 9000000000, 1, UINT64_MAX, 0};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        frame = driver;
        frame.timestamp_ns = times[i];
        OK(portrait_session_push(session, &frame));
        PortraitPicture picture = {.struct_size = sizeof picture, .pixels = other, .length = BYTES};
        OK(portrait_session_take_picture(session, 120000, &picture));
        CHECK(picture.timestamp_ns == times[i] && difference(upright, other) < 1.0);
    }
    OK(portrait_session_release(session));

    // A picture every two seconds, however fast frames come.
    options.rate = 0.5f;
    OK(portrait_session_open(engine, avatar, &options, &session));
    show(session, driver, other);
    double before = seconds();
    show(session, driver, other);
    // The next may begin two seconds after the last has begun, which was before it was done.
    printf("a picture every two seconds: the second one came %.2f s after the first\n", seconds() - before);
    PortraitSessionStatus status = {.struct_size = sizeof status};
    OK(portrait_session_status(session, &status));
    CHECK(seconds() - before + (double)status.latency_ns * 1e-9 > 1.9);
    OK(portrait_session_release(session));
    options.rate = 1001.0f;
    FAILS(portrait_session_open(engine, avatar, &options, &session), PORTRAIT_STATUS_INVALID_ARGUMENT, "`rate` is 1001");

    OK(portrait_avatar_release(avatar));
    OK(portrait_engine_release(engine));
    free(upright);
    free(other);
    free(photo_bytes);
    free(driver_bytes);
    puts("options: each does what it says");
    return 0;
}
