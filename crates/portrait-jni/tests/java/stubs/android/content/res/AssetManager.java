package android.content.res;

import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;

public final class AssetManager {
    /** As of an app whose build compresses all of them. */
    public AssetFileDescriptor openFd(String name) throws IOException {
        throw new FileNotFoundException(name);
    }

    public InputStream open(String name) throws IOException {
        return new FileInputStream(System.getProperty("portrait.assets") + "/" + name);
    }
}
