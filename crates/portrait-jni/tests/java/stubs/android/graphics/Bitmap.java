package android.graphics;

import java.nio.Buffer;

public final class Bitmap {
    public int getWidth() {
        return 0;
    }

    public int getHeight() {
        return 0;
    }

    public void copyPixelsToBuffer(Buffer buffer) {}
}
