package org.portrait;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** Frames that the library reads where they are, kept until it is done with them. One thread gives them back; it begins with the first. */
final class Loans {
    private static final class Loan {
        /** Nobody else may keep them. */
        final ByteBuffer[] planes;
        final Runnable release;

        Loan(ByteBuffer[] planes, Runnable release) {
            this.planes = planes;
            this.release = release;
        }
    }

    private static final Map<Long, Loan> LENT = new ConcurrentHashMap<>();
    private static final AtomicLong LAST = new AtomicLong();

    static {
        Thread thread = new Thread(Loans::giveBack, "portrait release");
        thread.setDaemon(true);
        thread.start();
    }

    private Loans() {}

    /** The number under which the planes come back. */
    static long lend(ByteBuffer[] planes, Runnable release) {
        long number = LAST.incrementAndGet();
        LENT.put(number, new Loan(planes, release));
        return number;
    }

    /** How many are lent. */
    static int count() {
        return LENT.size();
    }

    private static void giveBack() {
        while (true) {
            Loan loan = LENT.remove(Native.loanReturned());
            try {
                loan.release.run();
            } catch (RuntimeException | Error why) {
                // As if the thread ended by it, but the next frames come back too.
                Thread here = Thread.currentThread();
                here.getUncaughtExceptionHandler().uncaughtException(here, why);
            }
        }
    }
}
