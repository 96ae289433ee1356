// A frame that holds up the session's thread while its memory is given back: what does not wait for that thread returns meanwhile.
#ifndef HOLD_H
#define HOLD_H
#include "check.h"
#include <semaphore.h>
#include <stdatomic.h>
#include <time.h>

typedef struct {
    sem_t begun, go_on;
    atomic_bool late, given_back;
} Hold;

static inline void begin_hold(Hold *hold) {
    CHECK(sem_init(&hold->begun, 0, 0) == 0 && sem_init(&hold->go_on, 0, 0) == 0);
    atomic_init(&hold->late, false);
    atomic_init(&hold->given_back, false);
}

static inline void end_hold(Hold *hold) {
    CHECK(sem_destroy(&hold->begun) == 0 && sem_destroy(&hold->go_on) == 0);
    CHECK(!atomic_load(&hold->late));
}

// The frame's `release`. Somebody who waits for this thread, and should not, finds out that it took so long.
static inline void held(void *user) {
    Hold *hold = user;
    CHECK(sem_post(&hold->begun) == 0);
    struct timespec until;
    CHECK(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_sec += 60;
    if (sem_timedwait(&hold->go_on, &until) != 0) atomic_store(&hold->late, true);
    atomic_store(&hold->given_back, true);
}

// Returns when the session's thread is held up, until `go_on` is posted.
static inline void hold_up(PortraitSession session, PortraitFrame frame, Hold *hold) {
    begin_hold(hold);
    frame.release = held;
    frame.user = hold;
    OK(portrait_session_push(session, &frame));
    CHECK(sem_wait(&hold->begun) == 0);
}

#endif
