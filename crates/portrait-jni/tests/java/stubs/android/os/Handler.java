package android.os;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public class Handler {
    private static final BlockingQueue<Runnable> POSTED = new LinkedBlockingQueue<>();

    public Handler(Looper looper) {}

    public final boolean post(Runnable action) {
        return POSTED.add(action);
    }

    /** For tests: the main thread takes up the next thing that was posted; whether there was one within a second. */
    public static boolean runNext() throws InterruptedException {
        Runnable next = POSTED.poll(1, TimeUnit.SECONDS);
        if (next != null) {
            next.run();
        }
        return next != null;
    }
}
