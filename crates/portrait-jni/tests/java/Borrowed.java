package org.portrait;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;

/** Frames that are read where Java has them, and given back once whatever comes of them. */
final class Borrowed {
    /** Counts a frame that comes back. */
    private static final class Back extends AtomicInteger implements Runnable {
        private static final long serialVersionUID = 1;

        @Override
        public void run() {
            Scenario.check(Thread.currentThread().getName().equals("portrait release"), "its own thread");
            incrementAndGet();
        }

        void await(String what) throws InterruptedException {
            for (int i = 0; i < 1000 && get() == 0; i++) {
                Thread.sleep(10);
            }
            Scenario.check(get() == 1, what + ": given back " + get() + " times");
        }
    }

    private static ByteBuffer copy(ByteBuffer from) {
        return ByteBuffer.allocateDirect(from.capacity()).put(from.duplicate()).flip();
    }

    private static Frame square(ByteBuffer rgba, int side) {
        return Frame.rgba(rgba, side, side, 4 * side);
    }

    /** In a session that is open and not paused; the time of its last frame. */
    static long run(Session session, ByteBuffer driver, int side, long clock) throws Exception {
        // The session is made anew for each, so that both see their driver for the first time.
        ByteBuffer expected = ByteBuffer.allocateDirect(4 * 256 * 256), found = ByteBuffer.allocateDirect(4 * 256 * 256);
        session.trim(Session.TRIM_PIPELINES);
        Scenario.take(session, square(driver, side), expected, clock += 40_000_000);

        // No copy: what is changed after the call, which an app must not do, is in the picture.
        session.trim(Session.TRIM_PIPELINES);
        ByteBuffer lent = ByteBuffer.allocateDirect(driver.capacity());
        Back changed = new Back();
        session.push(square(lent, side).at(clock += 40_000_000), changed);
        Scenario.check(changed.get() == 0 && Loans.count() == 1, "still to be read");
        lent.put(driver.duplicate());
        Scenario.check(session.takePicture(found, 120_000) == clock, "the picture of this frame");
        changed.await("a frame that was used");
        double apart = Scenario.difference(expected, found);
        System.out.printf("a lent frame: %.2f of 255 from a copied one%n", apart);
        Scenario.check(apart < 1, "read where it is");

        // Nobody but the library keeps the memory.
        session.trim(Session.TRIM_PIPELINES);
        Back forgotten = new Back();
        session.push(square(copy(driver), side).at(clock += 40_000_000), forgotten);
        for (int i = 0; i < 3; i++) {
            System.gc();
            ByteBuffer.allocateDirect(driver.capacity()).put(new byte[driver.capacity()]);
        }
        Scenario.check(session.takePicture(found, 120_000) == clock, "the picture of this frame");
        forgotten.await("a frame that nobody keeps");
        Scenario.check(Scenario.difference(expected, found) < 1, "kept until it was read");

        // Replaced by a newer one, or refused.
        Back first = new Back(), second = new Back(), third = new Back();
        session.trim(Session.TRIM_PIPELINES);
        for (Back each : new Back[] {first, second, third}) {
            session.push(square(driver, side).at(clock += 40_000_000), each);
        }
        Scenario.check(session.takePicture(found, 120_000) >= clock - 80_000_000, "a picture");
        first.await("the oldest");
        second.await("a frame in between");
        third.await("the newest");
        Back refused = new Back(), paused = new Back();
        Scenario.fails(
                PortraitException.class, "`rotation` is 30", () -> session.push(square(driver, side).rotated(30), refused));
        refused.await("a frame that is refused");
        Scenario.fails(NullPointerException.class, "release", () -> session.push(square(driver, side), null));
        session.pause();
        session.push(square(driver, side), paused);
        paused.await("a frame for a session that rests");

        // One that fails keeps no other from coming back.
        AtomicInteger failed = new AtomicInteger();
        Thread.UncaughtExceptionHandler before = Thread.getDefaultUncaughtExceptionHandler();
        Thread.setDefaultUncaughtExceptionHandler((thread, why) -> failed.incrementAndGet());
        session.push(
                square(driver, side),
                () -> {
                    throw new IllegalStateException("the app's own fault");
                });
        Back after = new Back();
        session.push(square(driver, side), after);
        after.await("a frame after one that failed");
        Thread.setDefaultUncaughtExceptionHandler(before);
        session.resume();
        while (session.takePicture(found, 0) >= 0) {}
        Scenario.check(failed.get() == 1 && Loans.count() == 0, "nothing is lent any more");
        return clock;
    }

    /** After it was closed. */
    static void closed(Session session, Frame frame) throws Exception {
        Back back = new Back();
        Scenario.check(!session.push(frame, back), "no exception either");
        back.await("a frame for a session that was closed");
        Scenario.check(Loans.count() == 0, "nothing is lent any more");
    }
}
