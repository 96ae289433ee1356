package android.graphics;

import java.nio.Buffer;
import java.nio.ByteBuffer;

public final class Bitmap {
    public enum Config {
        ARGB_8888,
        HARDWARE
    }

    private final ByteBuffer rgba;
    private final int width;
    private final Config config;

    /** For tests. */
    public Bitmap(ByteBuffer rgba, int width, Config config) {
        this.rgba = rgba;
        this.width = width;
        this.config = config;
    }

    public int getWidth() {
        return width;
    }

    public int getHeight() {
        return rgba.capacity() / 4 / width;
    }

    public int getRowBytes() {
        return 4 * width;
    }

    public Config getConfig() {
        return config;
    }

    public Bitmap copy(Config config, boolean mutable) {
        return new Bitmap(rgba, width, config);
    }

    public void copyPixelsToBuffer(Buffer buffer) {
        if (config == Config.HARDWARE) {
            throw new IllegalStateException("unable to copyPixelsToBuffer, pixel access is not supported on HARDWARE bitmaps");
        }
        ((ByteBuffer) buffer).put(rgba.duplicate().clear());
    }
}
