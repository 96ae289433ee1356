// What a host may do wrong: every call answers with a status and a text.
//
// misuse WEIGHTS PRESET PHOTO [AVATAR]: weights and their preset, a square RGBA picture, and a file that keeps the
// avatar. Where that is there already no network runs, on the photo or on a frame: under valgrind that takes minutes.
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MISUSES = PORTRAIT_STATUS_INVALID_ARGUMENT, HANDLE = PORTRAIT_STATUS_INVALID_HANDLE };

static void count(void *user) { ++*(int *)user; }

// A call from a thread that made none of the objects is as good as any other.
static void *elsewhere(void *session) {
    CHECK(strcmp(portrait_last_error(), "") == 0);
    OK(portrait_session_recalibrate(*(PortraitSession *)session));
    FAILS(portrait_session_recalibrate(0), HANDLE, "0 is no session");
    return NULL;
}

// Waits for a picture that never comes; the release of its session ends that.
static void *waiting(void *session) {
    PortraitPicture picture = {.struct_size = sizeof picture};
    PortraitStatus status = portrait_session_take_picture(*(PortraitSession *)session, 60000, &picture);
    CHECK(status == PORTRAIT_STATUS_PENDING || status == PORTRAIT_STATUS_RELEASED);
    return NULL;
}

// So much memory, and behind it as much as that which must not be touched.
static uint8_t *guarded(size_t length, size_t behind) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    CHECK(length % page == 0 && behind % page == 0);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *memory = mmap(NULL, length + behind, PROT_NONE, flags, -1, 0);
    CHECK(memory != MAP_FAILED && (length == 0 || mprotect(memory, length, PROT_READ | PROT_WRITE) == 0));
    return memory;
}

// Releases what it hears of.
static void impatient(void *user, PortraitEngine engine, float done, const char *next) {
    (void)done;
    (void)next;
    ++*(int *)user;
    OK(portrait_engine_release(engine));
}

// The photo's avatar.
static PortraitAvatar avatar_of(PortraitEngine engine, const PortraitFrame *photo, const char *kept) {
    PortraitAvatar avatar;
    size_t length = 0;
    if (kept != NULL && access(kept, R_OK) == 0) {
        uint8_t *stored = read_file(kept, &length);
        OK(portrait_avatar_read(stored, length, &avatar));
        free(stored);
        return avatar;
    }
    OK(portrait_avatar_prepare(engine, photo, NULL, &avatar));
    if (kept != NULL) {
        CHECK(portrait_avatar_write(avatar, NULL, &length) == PORTRAIT_STATUS_BUFFER_TOO_SMALL);
        uint8_t *stored = malloc(length);
        OK(portrait_avatar_write(avatar, stored, &length));
        write_file(kept, stored, length);
        free(stored);
    }
    return avatar;
}

int main(int argc, char **argv) {
    CHECK(argc == 4 || argc == 5);
    const char *weights = argv[1], *preset = argv[2], *kept = argv[4];
    bool looks = kept == NULL || access(kept, R_OK) != 0;
    size_t length;
    uint8_t *bytes = read_file(argv[3], &length);
    PortraitFrame photo = square(bytes, length);
    PortraitEngine engine = 99;

    // Opening.
    PortraitEngineOptions options = {0};
    FAILS(portrait_engine_open(NULL, &engine), MISUSES, "`options` is null");
    CHECK(engine == 0);
    FAILS(portrait_engine_open(&options, NULL), MISUSES, "`engine` is null");
    FAILS(portrait_engine_open(&options, &engine), MISUSES, "struct_size` is 0");
    options.struct_size = sizeof options + 8;
    FAILS(portrait_engine_open(&options, &engine), MISUSES, "not newer than this library");
    options.struct_size = sizeof options;
    FAILS(portrait_engine_open(&options, &engine), MISUSES, "neither");
    options.weights_file = "\xff\xfe";
    FAILS(portrait_engine_open(&options, &engine), MISUSES, "not UTF-8");
    options.weights_file = "nowhere.safetensors";
    options.precision = 9;
    FAILS(portrait_engine_open(&options, &engine), MISUSES, "`precision` is 9");
    options.precision = 0;
    OK(portrait_engine_open(&options, &engine));
    FAILS(portrait_engine_wait(engine, -1), PORTRAIT_STATUS_WEIGHTS, "nowhere.safetensors");
    PortraitEngineInfo info = {.struct_size = sizeof info};
    FAILS(portrait_engine_info(engine, &info), PORTRAIT_STATUS_WEIGHTS, "nowhere.safetensors");
    OK(portrait_engine_release(engine));
    FAILS(portrait_engine_wait(engine, -1), PORTRAIT_STATUS_RELEASED, "was released");
    options.weights_file = weights;
    options.preset = "huge";
    OK(portrait_engine_open(&options, &engine));
    FAILS(portrait_engine_wait(engine, -1), MISUSES, "huge");
    OK(portrait_engine_release(engine));
    options.preset = preset;
    options.adapter = "a GPU that nobody makes";
    OK(portrait_engine_open(&options, &engine));
    FAILS(portrait_engine_wait(engine, -1), PORTRAIT_STATUS_NO_ADAPTER, "nobody makes");
    OK(portrait_engine_release(engine));

    // An engine that is released while it opens, and one by its own callback.
    options.adapter = NULL;
    OK(portrait_engine_open(&options, &engine));
    OK(portrait_engine_release(engine));
    int heard = 0;
    options.progress = impatient;
    options.user = &heard;
    PortraitEngine hasty;
    OK(portrait_engine_open(&options, &hasty));
    PortraitStatus late = portrait_engine_wait(hasty, -1);
    CHECK(late == PORTRAIT_STATUS_OK || late == PORTRAIT_STATUS_RELEASED);

    // Handles: none, garbage, another kind, released, released twice.
    options.progress = NULL;
    OK(portrait_engine_open(&options, &engine));
    OK(portrait_engine_wait(engine, -1));
    PortraitAvatar avatar = 0;
    FAILS(portrait_engine_wait(0, 0), HANDLE, "0 is no engine");
    FAILS(portrait_engine_wait(0xDEADBEEF, 0), HANDLE, "no such object");
    FAILS(portrait_engine_wait(engine + 1, 0), HANDLE, "no such object");
    FAILS(portrait_engine_release(engine ^ (1ULL << 40)), HANDLE, "no such object");
    FAILS(portrait_avatar_release(engine), HANDLE, "of kind engine");
    FAILS(portrait_session_release(~0ULL), HANDLE, "no session");
    // The right number with another kind written over its own: nothing is released.
    uint64_t number = engine & ~(0xffULL << 56);
    FAILS(portrait_avatar_release(number | 2ULL << 56), HANDLE, "is no avatar");
    FAILS(portrait_session_release(number | 3ULL << 56), HANDLE, "is no session");
    OK(portrait_engine_wait(engine, 0));
    OK(portrait_engine_release(0));
    OK(portrait_avatar_release(0));
    OK(portrait_session_release(0));

    // Photos.
    FAILS(portrait_avatar_prepare(engine, NULL, NULL, &avatar), MISUSES, "`frame` is null");
    FAILS(portrait_avatar_prepare(engine, &photo, NULL, NULL), MISUSES, "`avatar` is null");
    int photos_back = 0;
    PortraitFrame lent = photo;
    lent.release = count;
    lent.user = &photos_back;
    FAILS(portrait_avatar_prepare(engine, &lent, NULL, NULL), MISUSES, "`avatar` is null");
    CHECK(photos_back == 1);
    uint8_t grey[4 * 64 * 64];
    memset(grey, 128, sizeof grey);
    PortraitFrame nobody = square(grey, sizeof grey);
    if (looks) FAILS(portrait_avatar_prepare(engine, &nobody, NULL, &avatar), PORTRAIT_STATUS_NO_FACE, "no face");
    PortraitFrame wrong = photo;
    wrong.lengths[0]--;
    FAILS(portrait_avatar_prepare(engine, &wrong, NULL, &avatar), PORTRAIT_STATUS_FRAME, "do not fit");
    wrong = photo;
    wrong.planes[0] = NULL;
    FAILS(portrait_avatar_prepare(engine, &wrong, NULL, &avatar), MISUSES, "`planes` is null");
    wrong = photo;
    wrong.width = 0;
    FAILS(portrait_avatar_prepare(engine, &wrong, NULL, &avatar), PORTRAIT_STATUS_FRAME, "sides go from 1");
    wrong = photo;
    wrong.height = wrong.width = UINT32_MAX;
    FAILS(portrait_avatar_prepare(engine, &wrong, NULL, &avatar), PORTRAIT_STATUS_FRAME, "sides go from 1");
    // Nothing is read of one that is too large.
    wrong.height = wrong.width = 16384;
    wrong.strides[0] = (size_t)4 * wrong.width;
    wrong.lengths[0] = wrong.strides[0] * wrong.height;
    wrong.planes[0] = guarded(0, wrong.lengths[0]);
    FAILS(portrait_avatar_prepare(engine, &wrong, NULL, &avatar), PORTRAIT_STATUS_FRAME, "scale it down first");
    CHECK(munmap((void *)wrong.planes[0], wrong.lengths[0]) == 0);
    wrong = photo;
    wrong.strides[0] = SIZE_MAX;
    FAILS(portrait_avatar_prepare(engine, &wrong, NULL, &avatar), PORTRAIT_STATUS_FRAME, "do not fit");
    wrong = photo;
    wrong.format = PORTRAIT_FORMAT_NV12;
    wrong.planes[1] = bytes;
    wrong.lengths[1] = length;
    wrong.strides[1] = wrong.width;
    FAILS(portrait_avatar_prepare(engine, &wrong, NULL, &avatar), PORTRAIT_STATUS_FRAME, "RGBA or BGRA");
    PortraitPrepareOptions prepare = {.struct_size = sizeof prepare, .face = 3};
    FAILS(portrait_avatar_prepare(engine, &photo, &prepare, &avatar), MISUSES, "`face` is 3");
    uint8_t noise[100] = {1};
    FAILS(portrait_avatar_read(NULL, 100, &avatar), MISUSES, "`data` is null");
    FAILS(portrait_avatar_read(noise, 100, &avatar), PORTRAIT_STATUS_AVATAR, "does not start like one");
    FAILS(portrait_avatar_read(noise, 0, &avatar), PORTRAIT_STATUS_AVATAR, "does not start like one");
    CHECK(avatar == 0);
    avatar = avatar_of(engine, &photo, kept);
    FAILS(portrait_avatar_write(avatar, noise, NULL), MISUSES, "`length` is null");
    size_t room = sizeof noise;
    FAILS(portrait_avatar_write(avatar, noise, &room), PORTRAIT_STATUS_BUFFER_TOO_SMALL, "`data` 100");

    // Sessions.
    PortraitSession session = 0;
    PortraitSessionOptions how = {.struct_size = sizeof how};
    FAILS(portrait_session_open(engine, engine, &how, &session), HANDLE, "of kind avatar is needed");
    how.framing = 7;
    FAILS(portrait_session_open(engine, avatar, &how, &session), MISUSES, "`framing` is 7");
    how.framing = PORTRAIT_FRAMING_PHOTO;
    FAILS(portrait_session_open(engine, avatar, &how, &session), MISUSES, "`frame` is null");
    how.photo = &lent;
    FAILS(portrait_session_open(engine, avatar, &how, NULL), MISUSES, "`session` is null");
    CHECK(photos_back == 2);
    how.photo = NULL;
    how.framing = PORTRAIT_FRAMING_SQUARE;
    how.rate = -1;
    FAILS(portrait_session_open(engine, avatar, &how, &session), MISUSES, "`rate`");
    how.rate = 0;
    PortraitMotion motion;
    OK(portrait_motion_init(&motion));
    FAILS(portrait_motion_init(NULL), MISUSES, "`motion` is null");
    motion.strength = -0.5f;
    how.motion = &motion;
    FAILS(portrait_session_open(engine, avatar, &how, &session), MISUSES, "`strength`");
    motion.strength = 1.0f;
    motion.head_gain = 11.0f;
    FAILS(portrait_session_open(engine, avatar, &how, &session), MISUSES, "`head_gain` is 11");
    how.motion = NULL;
    CHECK(session == 0);
    // What is wrong with a session is found at once, and is not the device's fault.
    how.picture_side = 2000000;
    FAILS(portrait_session_open(engine, avatar, &how, &session), MISUSES, "2000000 × 2000000");
    how.picture_side = 0;
    how.framing = PORTRAIT_FRAMING_PHOTO;
    how.photo = &nobody;
    FAILS(portrait_session_open(engine, avatar, &how, &session), MISUSES, "give the photo itself");
    how.framing = PORTRAIT_FRAMING_SQUARE;
    // Also where only the session's thread finds out.
    how.frame_width = how.frame_height = 1 << 20;
    OK(portrait_session_open(engine, avatar, &how, &session));
    PortraitPicture none = {.struct_size = sizeof none};
    FAILS(portrait_session_take_picture(session, 120000, &none), PORTRAIT_STATUS_FRAME, "1048576 × 1048576");
    OK(portrait_session_release(session));
    how.frame_width = how.frame_height = 0;
    OK(portrait_engine_open(&options, &how.cool_engine));
    how.cool_avatar = avatar;
    FAILS(portrait_session_open(engine, avatar, &how, &session), MISUSES, "another device");
    OK(portrait_engine_release(how.cool_engine));
    how.cool_engine = 0;
    // Any byte but 0 is true; of what is only written, only the size is read.
    memset(&how.no_pictures, 0x2a, 1);
    OK(portrait_session_open(engine, avatar, &how, &session));
    PortraitSessionStatus told;
    memset(&told, 0xa5, sizeof told);
    told.struct_size = sizeof told;
    OK(portrait_session_status(session, &told));
    CHECK(!told.failed && !told.open && told.pushed == 0);
    OK(portrait_session_release(session));
    memset(&how.no_pictures, 0, 1);
    OK(portrait_session_open(engine, avatar, &how, &session));
    FAILS(portrait_session_push(session, NULL), MISUSES, "`frame` is null");
    FAILS(portrait_session_take_picture(session, 0, NULL), MISUSES, "`picture` is null");
    FAILS(portrait_session_set_thermal(session, 4), MISUSES, "`thermal` is 4");
    FAILS(portrait_session_trim(session, 3), MISUSES, "`trim` is 3");
    FAILS(portrait_session_status(session, NULL), MISUSES, "`status` is null");
    // A frame that is refused is given back all the same, whatever is wrong, the session included.
    int given_back = 0;
    wrong = photo;
    wrong.release = count;
    wrong.user = &given_back;
    wrong.rotation = 45;
    FAILS(portrait_session_push(session, &wrong), PORTRAIT_STATUS_FRAME, "`rotation` is 45");
    wrong.rotation = 0;
    wrong.strides[0] = 4;
    FAILS(portrait_session_push(session, &wrong), PORTRAIT_STATUS_FRAME, "its stride is 4");
    FAILS(portrait_session_push(0, &wrong), HANDLE, "0 is no session");
    CHECK(given_back == 3);
    // Of what the host says may be read, no more is than the frame needs; and nothing of one that is too large.
    size_t page = (size_t)sysconf(_SC_PAGESIZE), needed = 16 * page, more = 64 * page;
    wrong = square(guarded(needed, more), needed);
    wrong.lengths[0] += more;
    OK(portrait_session_push(session, &wrong));
    CHECK(munmap((void *)wrong.planes[0], needed + more) == 0);
    if (!looks) OK(portrait_session_trim(session, PORTRAIT_TRIM_WAITING));
    OK(portrait_engine_info(engine, &info));
    wrong.width = wrong.height = info.largest_side + 1;
    wrong.strides[0] = (size_t)4 * wrong.width;
    more = (wrong.strides[0] * wrong.height + page - 1) / page * page;
    wrong.planes[0] = guarded(0, more);
    wrong.lengths[0] = more;
    FAILS(portrait_session_push(session, &wrong), PORTRAIT_STATUS_FRAME, "is larger than this device allows");
    CHECK(munmap((void *)wrong.planes[0], more) == 0);
    // Sides that are allowed, and too many pixels for a buffer.
    wrong = nobody;
    wrong.width = wrong.height = info.largest_side;
    FAILS(portrait_session_push(session, &wrong), PORTRAIT_STATUS_FRAME, "pixels in all");

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, elsewhere, &session) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, waiting, &session) == 0);
    OK(portrait_session_release(session));
    CHECK(pthread_join(thread, NULL) == 0);
    OK(portrait_session_release(session));
    FAILS(portrait_session_push(session, &photo), PORTRAIT_STATUS_RELEASED, "was released");
    FAILS(portrait_session_pause(session), PORTRAIT_STATUS_RELEASED, "was released");

    // A released place is used again; its old number stays stale.
    PortraitAvatar old = avatar;
    OK(portrait_avatar_release(avatar));
    avatar = avatar_of(engine, &photo, kept);
    CHECK(avatar != old);
    PortraitAvatarInfo known = {.struct_size = sizeof known};
    FAILS(portrait_avatar_info(old, &known), PORTRAIT_STATUS_RELEASED, "this avatar was released");
    OK(portrait_avatar_release(old));
    OK(portrait_avatar_info(avatar, &known));
    OK(portrait_avatar_release(avatar));
    OK(portrait_engine_release(engine));
    OK(portrait_engine_release(engine));
    // The one that was released by its callback has been open for long.
    CHECK(heard == 1);
    free(bytes);
    puts("misuse: a status each");
    return 0;
}
