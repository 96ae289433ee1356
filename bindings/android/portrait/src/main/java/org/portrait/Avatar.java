package org.portrait;

import android.graphics.Bitmap;
import java.nio.Buffer;
import java.nio.ByteBuffer;

/** A photo, ready to be animated. Any thread may call; {@link #close} may be called again. */
public final class Avatar implements AutoCloseable {
    /** How a photo becomes an avatar. Of several faces in it none is chosen, unless said which. */
    public static final class Options {
        int face;
        float x;
        float y;
        boolean whole;

        /** The largest face. */
        public Options largestFace() {
            face = 1;
            return this;
        }

        /** The face nearest to this place, in pixels of the photo from the left and from the top. */
        public Options faceAt(float x, float y) {
            face = 2;
            this.x = x;
            this.y = y;
            return this;
        }

        /** Animates the centre square of the photo instead of a crop around the face. */
        public Options centreSquare() {
            whole = true;
            return this;
        }
    }

    final long handle;

    private Avatar(long handle) {
        this.handle = handle;
    }

    /**
     * Makes an avatar of a photo: RGBA without gaps, upright, in a direct buffer. Waits for the engine and the GPU: not for the main
     * thread.
     */
    public static Avatar prepare(Engine engine, ByteBuffer rgba, int width, int height, Options how) {
        return prepare(engine, rgba, width, height, 4 * width, how);
    }

    /** Makes an avatar of the largest face in a photo. Waits for the engine and the GPU: not for the main thread. */
    public static Avatar prepare(Engine engine, Bitmap photo) {
        return prepare(engine, photo, new Options().largestFace());
    }

    /** The same, with more to say. */
    public static Avatar prepare(Engine engine, Bitmap photo, Options how) {
        // What else there is, the GPU's own memory among it, cannot be read as it is.
        boolean plain = photo.getConfig() == Bitmap.Config.ARGB_8888;
        Bitmap readable = plain ? photo : photo.copy(Bitmap.Config.ARGB_8888, false);
        if (readable == null) {
            throw new IllegalArgumentException("the photo's pixels, " + photo.getConfig() + ", cannot be read");
        }
        ByteBuffer rgba = ByteBuffer.allocateDirect(readable.getRowBytes() * readable.getHeight());
        readable.copyPixelsToBuffer(rgba);
        // Of a Buffer: before Android 14 a ByteBuffer has no such method of its own.
        Buffer written = rgba;
        written.rewind();
        return prepare(engine, rgba, readable.getWidth(), readable.getHeight(), readable.getRowBytes(), how);
    }

    private static Avatar prepare(Engine engine, ByteBuffer rgba, int width, int height, int stride, Options how) {
        ByteBuffer out = Native.numbers(1);
        ByteBuffer pixels = Native.direct(rgba, "rgba");
        Native.check(
                Native.avatarPrepare(
                        engine.handle, pixels, width, height, stride, how.face, how.x, how.y, how.whole, out));
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
