package android.content;

import android.content.res.AssetManager;
import java.io.File;
import java.util.concurrent.Executor;

/** What of Android view and sample app are compiled against in tests; signatures as in its documentation. */
public abstract class Context {
    public File getCacheDir() {
        throw new UnsupportedOperationException();
    }

    public AssetManager getAssets() {
        throw new UnsupportedOperationException();
    }

    public Executor getMainExecutor() {
        throw new UnsupportedOperationException();
    }

    public final <T> T getSystemService(Class<T> service) {
        throw new UnsupportedOperationException();
    }
}
