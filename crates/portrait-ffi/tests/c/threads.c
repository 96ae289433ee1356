// Every call from threads of its own at once, and two that release at the same time.
//
// threads FAST PHOTO DRIVER: weights of preset fast, square RGBA pictures.
#include "hold.h"
#include <pthread.h>
#include <unistd.h>

typedef struct {
    PortraitSession session;
    PortraitFrame frame;
    uint8_t *pixels;
    atomic_int lent, back, taken;
} Shared;

// What a call may answer while others release the session. Whether it was not released yet.
static bool goes_on(PortraitStatus status) {
    CHECK(status == PORTRAIT_STATUS_OK || status == PORTRAIT_STATUS_PENDING || status == PORTRAIT_STATUS_RELEASED);
    return status != PORTRAIT_STATUS_RELEASED;
}

static void given_back(void *back) { atomic_fetch_add((atomic_int *)back, 1); }

static void *pushes(void *user) {
    Shared *shared = user;
    PortraitFrame frame = shared->frame;
    frame.release = given_back;
    frame.user = &shared->back;
    do {
        frame.timestamp_ns += 40000000;
        atomic_fetch_add(&shared->lent, 1);
    } while (goes_on(portrait_session_push(shared->session, &frame)));
    return NULL;
}

static void *takes(void *user) {
    Shared *shared = user;
    PortraitStatus status;
    do {
        PortraitPicture picture = {.struct_size = sizeof picture, .pixels = shared->pixels, .length = 4 * 256 * 256};
        status = portrait_session_take_picture(shared->session, 1000, &picture);
        if (status == PORTRAIT_STATUS_OK) atomic_fetch_add(&shared->taken, 1);
    } while (goes_on(status));
    return NULL;
}

static void *asks(void *user) {
    Shared *shared = user;
    PortraitMotion motion;
    OK(portrait_motion_init(&motion));
    for (uint32_t heat = 0;; heat = (heat + 1) % 3) {
        PortraitSessionStatus status = {.struct_size = sizeof status};
        if (!goes_on(portrait_session_status(shared->session, &status))) return NULL;
        CHECK(!status.failed);
        if (!goes_on(portrait_session_set_thermal(shared->session, heat))) return NULL;
        if (!goes_on(portrait_session_set_motion(shared->session, &motion))) return NULL;
        if (!goes_on(portrait_session_recalibrate(shared->session))) return NULL;
        usleep(1000);
    }
}

static void *trims(void *user) {
    Shared *shared = user;
    for (uint32_t turn = 0;; turn++) {
        // Mostly what costs nothing: pictures are to be made, too.
        uint32_t level = turn % 40 == 39 ? PORTRAIT_TRIM_SESSION : PORTRAIT_TRIM_WAITING;
        if (!goes_on(portrait_session_trim(shared->session, level))) return NULL;
        if (!goes_on(portrait_session_surface_changed(shared->session, 10, 10))) return NULL;
        if (!goes_on(portrait_session_surface_destroyed(shared->session))) return NULL;
        if (!goes_on(portrait_session_pause(shared->session))) return NULL;
        if (!goes_on(portrait_session_resume(shared->session))) return NULL;
        // A frame may begin now.
        usleep(20000);
    }
}

static void *releases(void *user) {
    OK(portrait_session_release(((Shared *)user)->session));
    return NULL;
}

// What another thread's release finds when it returns.
typedef struct {
    PortraitSession session;
    Hold *hold;
    bool given_back;
} Second;

static void *releases_too(void *user) {
    Second *second = user;
    OK(portrait_session_release(second->session));
    second->given_back = atomic_load(&second->hold->given_back);
    return NULL;
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    size_t photo_length, driver_length;
    uint8_t *photo_bytes = read_file(argv[2], &photo_length), *driver_bytes = read_file(argv[3], &driver_length);
    PortraitFrame photo = square(photo_bytes, photo_length), driver = square(driver_bytes, driver_length);
    PortraitEngineOptions how = {.struct_size = sizeof how, .weights_file = argv[1], .preset = "fast"};
    PortraitEngine engine;
    OK(portrait_engine_open(&how, &engine));
    PortraitAvatar avatar;
    OK(portrait_avatar_prepare(engine, &photo, NULL, &avatar));
    PortraitSessionOptions options = {
        .struct_size = sizeof options, .frame_width = driver.width, .frame_height = driver.height};

    Shared shared = {.frame = driver, .pixels = malloc(4 * 256 * 256)};
    OK(portrait_session_open(engine, avatar, &options, &shared.session));
    void *(*works[])(void *) = {pushes, takes, asks, trims};
    pthread_t threads[6];
    for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, works[i], &shared) == 0);
    while (atomic_load(&shared.taken) < 5) usleep(10000);
    for (int i = 4; i < 6; i++) CHECK(pthread_create(&threads[i], NULL, releases, &shared) == 0);
    // Once either has returned nothing of the host's is in use: what follows it, was never taken.
    for (int i = 6; i-- > 0;) CHECK(pthread_join(threads[i], NULL) == 0);
    printf("threads: %d frames, %d given back, %d pictures\n", atomic_load(&shared.lent), atomic_load(&shared.back),
           atomic_load(&shared.taken));
    CHECK(atomic_load(&shared.lent) == atomic_load(&shared.back));

    // A release beside another one returns no earlier.
    Hold hold;
    OK(portrait_session_open(engine, avatar, &options, &shared.session));
    hold_up(shared.session, driver, &hold);
    CHECK(pthread_create(&threads[0], NULL, releases, &shared) == 0);
    PortraitSessionStatus status = {.struct_size = sizeof status};
    while (portrait_session_status(shared.session, &status) == PORTRAIT_STATUS_OK) usleep(1000);
    Second second = {.session = shared.session, .hold = &hold};
    CHECK(pthread_create(&threads[1], NULL, releases_too, &second) == 0);
    // Time for it to be wrong.
    usleep(200000);
    CHECK(sem_post(&hold.go_on) == 0);
    CHECK(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
    CHECK(second.given_back);
    end_hold(&hold);
    OK(portrait_session_release(shared.session));

    OK(portrait_avatar_release(avatar));
    OK(portrait_engine_release(engine));
    free(shared.pixels);
    free(photo_bytes);
    free(driver_bytes);
    puts("threads: nobody was in anybody's way");
    return 0;
}
