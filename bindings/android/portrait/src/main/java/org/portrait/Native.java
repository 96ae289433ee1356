package org.portrait;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The library's calls as they are. Each returns a status; {@link #check} makes exceptions of it. */
final class Native {
    static final int OK = 0;
    static final int PENDING = 1;
    static final int RELEASED = 4;
    static final int BUFFER_TOO_SMALL = 15;

    static {
        System.loadLibrary("portrait_jni");
    }

    private Native() {}

    static native String lastError();

    static native int engineOpen(
            ByteBuffer weightsFile, ByteBuffer weights, ByteBuffer preset, ByteBuffer adapter, ByteBuffer cacheDirectory,
            int precision, boolean untested, long share, ByteBuffer out);

    static native int engineWait(long engine, int milliseconds);

    static native String engineProgress(long engine, ByteBuffer out);

    static native String engineInfo(long engine);

    static native String engineSelfTest(long engine);

    static native int engineRelease(long engine);

    static native int avatarPrepare(
            long engine, ByteBuffer pixels, int width, int height, int stride, int face, float x, float y,
            boolean whole, ByteBuffer out);

    static native int avatarRead(ByteBuffer data, ByteBuffer out);

    static native int avatarWrite(long avatar, ByteBuffer data, ByteBuffer out);

    static native int avatarInfo(long avatar, ByteBuffer out);

    static native int avatarRelease(long avatar);

    static native int sessionOpen(
            long engine, long avatar, int framing, int width, int height, ByteBuffer photo, int photoWidth,
            int photoHeight, float rate, boolean pictures, ByteBuffer motion, long coolEngine, long coolAvatar,
            int pictureSide, ByteBuffer out);

    static native int sessionPush(
            long session, int format, int colour, int width, int height, ByteBuffer first, ByteBuffer second,
            ByteBuffer third, int stride, int chromaStride, int chromaStep, int rotation, boolean mirror,
            long timestamp, long loan);

    static native long loanReturned();

    static native int sessionTakePicture(long session, int milliseconds, ByteBuffer pixels, ByteBuffer out);

    static native int sessionSetMotion(long session, ByteBuffer motion);

    static native int sessionRecalibrate(long session);

    static native int sessionPause(long session);

    static native int sessionResume(long session);

    static native int sessionSetThermal(long session, int thermal);

    static native int sessionTrim(long session, int trim);

    static native int sessionStatus(long session, ByteBuffer out);

    static native int sessionRelease(long session);

    static native int surfaceCreated(
            long session, Object surface, int width, int height, int fit, float red, float green, float blue);

    static native int surfaceChanged(long session, int width, int height);

    static native int surfaceDestroyed(long session);

    /** Throws what the library says, unless the call was successful. */
    static void check(int status) {
        if (status != OK) {
            throw new PortraitException(status, lastError());
        }
    }

    /** What the library says of this thread's last call, which told nothing else. */
    static PortraitException failure() {
        return new PortraitException(PortraitException.INTERNAL, lastError());
    }

    /** Room for this many numbers of a call. */
    static ByteBuffer numbers(int count) {
        return ByteBuffer.allocateDirect(8 * count).order(ByteOrder.nativeOrder());
    }

    /** A text as the library takes it; null stays null. */
    static ByteBuffer text(String text) {
        if (text == null) {
            return null;
        }
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length + 1);
        buffer.put(bytes).put((byte) 0);
        return buffer;
    }

    /** What is between a buffer's position and its limit, in memory that the library can see. */
    static ByteBuffer direct(ByteBuffer buffer, String name) {
        if (buffer == null || !buffer.isDirect()) {
            throw new IllegalArgumentException("`" + name + "` has to be a direct buffer: ByteBuffer.allocateDirect");
        }
        return buffer.position() == 0 && buffer.limit() == buffer.capacity() ? buffer : buffer.slice();
    }
}
