package org.portrait;

import java.nio.ByteBuffer;

/** A photo, ready to be animated. Any thread may call; {@link #close} may be called again. */
public final class Avatar implements AutoCloseable {
    /** Which of several faces in a photo: the only one, or it fails. */
    public static final int FACE_ONLY = 0;
    /** The largest. */
    public static final int FACE_LARGEST = 1;

    final long handle;

    private Avatar(long handle) {
        this.handle = handle;
    }

    /**
     * Makes an avatar of a photo: RGBA without gaps, upright, in a direct buffer. Waits for the engine and the GPU: not for the main
     * thread.
     */
    public static Avatar prepare(Engine engine, ByteBuffer rgba, int width, int height, int face) {
        ByteBuffer out = Native.numbers(1);
        ByteBuffer pixels = Native.direct(rgba, "rgba");
        Native.check(Native.avatarPrepare(engine.handle, pixels, width, height, 4 * width, face, 0, 0, out));
        return new Avatar(out.getLong(0));
    }

    /** Reads what {@link #toBytes} wrote: milliseconds instead of {@link #prepare}. */
    public static Avatar fromBytes(byte[] bytes) {
        ByteBuffer data = ByteBuffer.allocateDirect(bytes.length);
        data.put(bytes);
        ByteBuffer out = Native.numbers(1);
        Native.check(Native.avatarRead(data, out));
        return new Avatar(out.getLong(0));
    }

    /** The avatar for a file. */
    public byte[] toBytes() {
        ByteBuffer out = Native.numbers(1);
        int status = Native.avatarWrite(handle, null, out);
        if (status != Native.BUFFER_TOO_SMALL) {
            Native.check(status);
        }
        ByteBuffer data = ByteBuffer.allocateDirect((int) out.getLong(0));
        Native.check(Native.avatarWrite(handle, data, out));
        byte[] bytes = new byte[data.capacity()];
        data.get(bytes);
        return bytes;
    }

    /** Side of the animated square in pixels of the pictures. */
    public int side() {
        return (int) info().getLong(0);
    }

    /** Longer side of the face in pixels of the photo. */
    public float faceSize() {
        return (float) info().getDouble(24);
    }

    private ByteBuffer info() {
        ByteBuffer out = Native.numbers(5);
        Native.check(Native.avatarInfo(handle, out));
        return out;
    }

    /** Releases the avatar; sessions of it go on. */
    @Override
    public void close() {
        Native.check(Native.avatarRelease(handle));
    }
}
