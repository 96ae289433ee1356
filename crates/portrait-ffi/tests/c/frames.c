// Photo to frames in memory, with every call that needs no window.
//
// frames WEIGHTS PHOTO DRIVER DRIVER OUTPUT: square RGBA pictures in, the pictures of both drivers out.
#include "yuv.h"

typedef struct {
    int calls;
    float done;
    PortraitEngine engine;
    char last[64];
} Progress;

static void progress(void *user, PortraitEngine engine, float done, const char *next) {
    Progress *heard = user;
    CHECK(done >= heard->done && done <= 1.0f);
    heard->calls++;
    heard->done = done;
    heard->engine = engine;
    snprintf(heard->last, sizeof heard->last, "%s", next);
    // Waiting here would never end; it is refused instead, unless there is nothing to wait for any more.
    if (done < 1.0f) {
        FAILS(portrait_engine_wait(engine, -1), PORTRAIT_STATUS_INVALID_ARGUMENT, "callback cannot wait");
        CHECK(portrait_engine_wait(engine, 0) == PORTRAIT_STATUS_PENDING);
    }
}

static void count(void *user) { ++*(int *)user; }

// The picture of a frame that was just pushed.
static void take(PortraitSession session, uint64_t timestamp, uint8_t *pixels, size_t length) {
    PortraitPicture picture = {.struct_size = sizeof picture, .pixels = pixels, .length = length};
    do {
        OK(portrait_session_take_picture(session, 120000, &picture));
    } while (picture.timestamp_ns != timestamp);
    CHECK((size_t)4 * picture.width * picture.height == length);
}

static double difference(const uint8_t *a, const uint8_t *b, size_t length) {
    double sum = 0;
    for (size_t i = 0; i < length; i++) sum += abs(a[i] - b[i]);
    return sum / (double)length;
}

int main(int argc, char **argv) {
    CHECK(argc == 6);
    CHECK(portrait_abi_version() == PORTRAIT_ABI_VERSION);
    CHECK(strcmp(portrait_last_error(), "") == 0);
    CHECK(strcmp(portrait_status_name(PORTRAIT_STATUS_NO_FACE), "no face") == 0);
    CHECK(strcmp(portrait_status_name(12345), "unknown status") == 0);

    size_t photo_length, first_length, second_length, weights_length;
    uint8_t *weights = read_file(argv[1], &weights_length);
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *first_bytes = read_file(argv[3], &first_length),
            *second_bytes = read_file(argv[4], &second_length);
    PortraitFrame photo = square(photo_bytes, photo_length), first = square(first_bytes, first_length),
                  second = square(second_bytes, second_length);

    // An engine, from memory.
    Progress heard = {0};
    PortraitEngineOptions engine_options = {.struct_size = sizeof engine_options,
                                            .weights = weights,
                                            .weights_length = weights_length,
                                            .progress = progress,
                                            .user = &heard};
    PortraitEngine engine = 0;
    OK(portrait_engine_open(&engine_options, &engine));
    free(weights);
    OK(portrait_engine_wait(engine, -1));
    PortraitEngineInfo engine_info = {.struct_size = sizeof engine_info};
    OK(portrait_engine_info(engine, &engine_info));
    printf("adapter: %s (%s, %s), weights %.12s\n", engine_info.adapter, engine_info.backend, engine_info.driver,
           engine_info.weights);
    CHECK(strcmp(engine_info.preset, "s") == 0 && strlen(engine_info.weights) == 64);
    CHECK(engine_info.precision != PORTRAIT_PRECISION_AUTO && engine_info.largest_side >= 4096);

    // An avatar, by way of its bytes.
    PortraitAvatar made = 0, avatar = 0;
    // What an older header does not know is the default, whatever lies there.
    PortraitPrepareOptions prepare = {.struct_size = offsetof(PortraitPrepareOptions, x), .face = PORTRAIT_FACE_LARGEST};
    memset((uint8_t *)&prepare + prepare.struct_size, 0xff, sizeof prepare - prepare.struct_size);
    OK(portrait_avatar_prepare(engine, &photo, &prepare, &made));
    size_t length = 0;
    FAILS(portrait_avatar_write(made, NULL, &length), PORTRAIT_STATUS_BUFFER_TOO_SMALL, "bytes");
    uint8_t *stored = malloc(length);
    size_t room = length;
    OK(portrait_avatar_write(made, stored, &room));
    CHECK(room == length);
    OK(portrait_avatar_read(stored, length, &avatar));
    stored[length / 2] ^= 1;
    PortraitAvatar damaged = 7;
    FAILS(portrait_avatar_read(stored, length, &damaged), PORTRAIT_STATUS_AVATAR, "damaged");
    CHECK(damaged == 0);
    free(stored);
    OK(portrait_avatar_release(made));
    PortraitAvatarInfo info = {.struct_size = sizeof info};
    OK(portrait_avatar_info(avatar, &info));
    CHECK(info.photo_width == photo.width && info.side == 256 && info.crop[2] > 0 && info.face_size > 20);

    // A session. The avatar's handle may go; the session keeps what it needs.
    PortraitMotion motion;
    OK(portrait_motion_init(&motion));
    motion.absolute = true;
    motion.raw = true;
    PortraitSessionOptions options = {.struct_size = sizeof options,
                                      .frame_width = first.width,
                                      .frame_height = first.height,
                                      .motion = &motion};
    PortraitSession session = 0;
    OK(portrait_session_open(engine, avatar, &options, &session));
    PortraitPicture none = {.struct_size = sizeof none};
    CHECK(portrait_session_take_picture(session, 0, &none) == PORTRAIT_STATUS_PENDING);

    size_t size = (size_t)4 * info.side * info.side;
    uint8_t *one = malloc(size), *two = malloc(size), *again = malloc(size);
    first.timestamp_ns = 1000000000;
    OK(portrait_session_push(session, &first));
    // Too little room tells the size and keeps the picture.
    PortraitPicture small = {.struct_size = sizeof small, .pixels = one, .length = size - 1};
    FAILS(portrait_session_take_picture(session, 120000, &small), PORTRAIT_STATUS_BUFFER_TOO_SMALL, "256 × 256");
    CHECK(small.width == info.side && small.height == info.side);
    take(session, first.timestamp_ns, one, size);
    second.timestamp_ns = 1040000000;
    OK(portrait_session_push(session, &second));
    take(session, second.timestamp_ns, two, size);
    CHECK(difference(one, two, size) > 0.5);
    char path[4096];
    snprintf(path, sizeof path, "%s/one.rgba", argv[5]);
    write_file(path, one, size);
    snprintf(path, sizeof path, "%s/two.rgba", argv[5]);
    write_file(path, two, size);

    PortraitSessionStatus status = {.struct_size = sizeof status};
    OK(portrait_session_status(session, &status));
    CHECK(status.open && status.face && status.face_score > 0.5f && status.pictures == 2 && status.pushed == 2);
    CHECK(status.latency_ns > 0 && status.face_region[2] > 10.0f);
    printf("latency %.0f ms, p50 %.0f, p95 %.0f, %.2f pictures a second\n", (double)status.latency_ns / 1e6,
           (double)status.latency_p50_ns / 1e6, (double)status.latency_p95_ns / 1e6, status.rate);
    CHECK(status.latency_p50_ns > 0 && status.latency_p95_ns >= status.latency_p50_ns);
    CHECK(status.latency_p95_ns >= status.latency_ns && status.rate >= 0);
    CHECK(!status.failed);
    // A program built with an older header has a shorter struct, and nothing behind it is written.
    PortraitSessionStatus older;
    memset(&older, 0x5a, sizeof older);
    older.struct_size = offsetof(PortraitSessionStatus, gpu_stages_ns);
    OK(portrait_session_status(session, &older));
    CHECK(older.pictures == 2 && older.struct_size == offsetof(PortraitSessionStatus, gpu_stages_ns));
    for (const uint8_t *rest = (const uint8_t *)older.gpu_stages_ns; rest < (const uint8_t *)(&older + 1); rest++) {
        CHECK(*rest == 0x5a);
    }
    // Stages are parts of the whole, where both are told.
    uint64_t stages = 0;
    for (int i = 0; i < 6; i++) stages += status.gpu_stages_ns[i];
    printf("GPU %.0f ms, of which %.0f in stages\n", (double)status.gpu_ns / 1e6, (double)stages / 1e6);
    CHECK(stages <= status.gpu_ns && (status.gpu_stages_ns[4] > 0) == (stages > 0));

    // Every layout, borrowed: given back once, and the same driver. The region around the face settles first.
    uint64_t clock = 2000000000;
    for (int i = 0; i < 4; i++) {
        second.timestamp_ns = clock += 40000000;
        OK(portrait_session_push(session, &second));
        take(session, clock, two, size);
    }
    PortraitFrame frames[4];
    uint32_t formats[] = {PORTRAIT_FORMAT_NV12, PORTRAIT_FORMAT_I420, PORTRAIT_FORMAT_NV21};
    uint8_t *planes[3];
    for (int i = 0; i < 3; i++) planes[i] = yuv(&second, formats[i], PORTRAIT_COLOUR_BT601_FULL, 0, &frames[i]);
    uint8_t *bgra = malloc(second_length);
    for (size_t i = 0; i < second_length; i++) bgra[i] = second_bytes[i % 4 == 3 ? i : i / 4 * 4 + 2 - i % 4];
    frames[3] = second;
    frames[3].format = PORTRAIT_FORMAT_BGRA;
    frames[3].planes[0] = bgra;
    for (int i = 0; i < 4; i++) {
        int given_back = 0;
        frames[i].release = count;
        frames[i].user = &given_back;
        frames[i].timestamp_ns = clock += 40000000;
        OK(portrait_session_push(session, &frames[i]));
        take(session, clock, again, size);
        CHECK(given_back == 1);
        printf("format %u: %.2f of 255 from RGBA\n", frames[i].format, difference(two, again, size));
        CHECK(difference(two, again, size) < 2.0);
    }
    for (int i = 0; i < 3; i++) free(planes[i]);

    // Turned by the camera: bytes of a frame that lies on its side, then upright again.
    PortraitFrame turned = second;
    uint8_t *side = malloc(second_length);
    for (size_t y = 0; y < second.height; y++)
        for (size_t x = 0; x < second.width; x++)
            memcpy(side + 4 * (y * second.width + x), second_bytes + 4 * (x * second.width + second.width - 1 - y), 4);
    turned.planes[0] = side;
    turned.rotation = 90;
    turned.timestamp_ns = clock += 40000000;
    OK(portrait_session_push(session, &turned));
    take(session, clock, again, size);
    CHECK(difference(two, again, size) < 1.0);
    free(side);

    // While paused frames come back at once.
    OK(portrait_session_pause(session));
    OK(portrait_session_pause(session));
    int given_back = 0;
    frames[3].release = count;
    frames[3].user = &given_back;
    OK(portrait_session_push(session, &frames[3]));
    CHECK(given_back == 1);
    OK(portrait_session_status(session, &status));
    CHECK(status.paused && status.dropped == 1);
    CHECK(portrait_session_take_picture(session, 50, &none) == PORTRAIT_STATUS_PENDING);
    OK(portrait_session_resume(session));

    // Memory given back is taken again by the next frame, and the driver's neutral pose survives.
    for (uint32_t level = PORTRAIT_TRIM_WAITING; level <= PORTRAIT_TRIM_PIPELINES; level++) {
        OK(portrait_session_trim(session, level));
        OK(portrait_session_status(session, &status));
        CHECK(status.open == (level == PORTRAIT_TRIM_WAITING));
        second.timestamp_ns = clock += 40000000;
        OK(portrait_session_push(session, &second));
        take(session, clock, again, size);
        // The face is searched for anew.
        CHECK(difference(two, again, size) < 6.0);
    }
    for (uint32_t heat = PORTRAIT_THERMAL_CRITICAL + 1; heat-- > 0;) OK(portrait_session_set_thermal(session, heat));

    // Relative motion from the first frame's pose: of the second nothing is left without head and expression.
    motion.absolute = false;
    OK(portrait_session_recalibrate(session));
    const PortraitFrame *driven[] = {&first, &second, &second};
    uint8_t *pictures[] = {one, two, again};
    for (int i = 0; i < 3; i++) {
        PortraitFrame frame = *driven[i];
        if (i == 2) motion.head_gain = motion.expression_gain = 0.0f;
        OK(portrait_session_set_motion(session, &motion));
        frame.timestamp_ns = clock += 40000000;
        OK(portrait_session_push(session, &frame));
        take(session, clock, pictures[i], size);
    }
    CHECK(difference(one, two, size) > 0.5 && difference(one, again, size) < 0.05);
    motion.strength = 0.5f;
    OK(portrait_session_set_motion(session, &motion));
    OK(portrait_session_recalibrate(session));

    // The newest wins: of three frames in a row at most two are begun.
    given_back = 0;
    for (int i = 0; i < 3; i++) {
        frames[3].timestamp_ns = clock += 40000000;
        OK(portrait_session_push(session, &frames[3]));
    }
    take(session, clock, again, size);
    OK(portrait_session_status(session, &status));
    CHECK(given_back == 3 && status.dropped >= 2);

    // Speech makes pictures by itself, by the clock of the sound: half a minute of a voice that hums, pushed at once.
    size_t samples = 30 * 16000;
    int16_t *sound = malloc(samples * sizeof *sound);
    for (size_t i = 0; i < samples; i++) sound[i] = (int16_t)((int)(i % 128) * 128 - 8192);
    uint64_t begin = 50000000000, end = begin + 30000000000;
    OK(portrait_session_push_audio(session, sound, samples, begin));
    uint64_t last = 0;
    for (int i = 0; i < 4; i++) {
        PortraitPicture picture = {.struct_size = sizeof picture, .pixels = again, .length = size};
        OK(portrait_session_take_picture(session, 120000, &picture));
        // What is shown before the first sample has its time before it.
        CHECK(picture.timestamp_ns > last && picture.timestamp_ns > begin - 300000000 && picture.timestamp_ns < end);
        last = picture.timestamp_ns;
    }
    OK(portrait_session_status(session, &status));
    CHECK(!status.face && status.latency_ns > 0);
    FAILS(portrait_session_push_audio(session, NULL, 1, 0), PORTRAIT_STATUS_INVALID_ARGUMENT, "`samples` is null");
    FAILS(portrait_session_push_audio(session, (int16_t *)((uint8_t *)sound + 1), 1, 0), PORTRAIT_STATUS_INVALID_ARGUMENT,
          "not aligned");
    FAILS(portrait_session_push_audio(session, sound, SIZE_MAX, 0), PORTRAIT_STATUS_INVALID_ARGUMENT, "`samples`");
    FAILS(portrait_session_push_audio(0, sound, samples, 0), PORTRAIT_STATUS_INVALID_HANDLE, "0 is no session");
    // What is interrupted makes room: a minute may wait, and no more.
    OK(portrait_session_interrupt_audio(session));
    OK(portrait_session_push_audio(session, sound, samples, end));
    OK(portrait_session_push_audio(session, sound, samples, end + (end - begin)));
    FAILS(portrait_session_push_audio(session, sound, samples, 0), PORTRAIT_STATUS_INVALID_ARGUMENT, "no room");
    OK(portrait_session_interrupt_audio(session));
    OK(portrait_session_push_audio(session, NULL, 0, 0));
    FAILS(portrait_session_interrupt_audio(0), PORTRAIT_STATUS_INVALID_HANDLE, "0 is no session");
    free(sound);
    // A frame takes over.
    second.timestamp_ns = clock += 40000000;
    OK(portrait_session_push(session, &second));
    take(session, clock, again, size);

    // Whole photo and person alone, frames of a size that nobody announced.
    PortraitSession others[2];
    for (uint32_t i = 0; i < 2; i++) {
        PortraitSessionOptions other = {.struct_size = sizeof other, .framing = PORTRAIT_FRAMING_PHOTO + i, .photo = &photo};
        OK(portrait_session_open(engine, avatar, &other, &others[i]));
        OK(portrait_session_push(others[i], &first));
        size_t bytes = i == 0 ? photo_length : size;
        uint8_t *shown = malloc(bytes);
        take(others[i], first.timestamp_ns, shown, bytes);
        CHECK(i == 0 || shown[3] < 255);
        free(shown);
    }

    // A loan is given back when the session goes, and whoever waits returns.
    OK(portrait_engine_release(engine));
    OK(portrait_avatar_release(avatar));
    OK(portrait_session_pause(session));
    OK(portrait_session_resume(session));
    given_back = 0;
    OK(portrait_session_push(session, &frames[3]));
    OK(portrait_session_release(session));
    CHECK(given_back == 1);
    OK(portrait_session_release(others[0]));
    OK(portrait_session_release(others[1]));

    CHECK(heard.calls == 4 && heard.done == 1.0f && heard.engine == engine && strcmp(heard.last, "ready") == 0);
    free(bgra);
    free(one);
    free(two);
    free(again);
    free(photo_bytes);
    free(first_bytes);
    free(second_bytes);
    puts("frames: every call did what it says");
    return 0;
}
