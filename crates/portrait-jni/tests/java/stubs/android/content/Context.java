package android.content;

import android.content.res.AssetManager;
import android.os.PowerManager;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/**
 * What of Android the library and the sample app are compiled against in tests; signatures as in its documentation. What the library does
 * with it is tried as well: where these stand-ins do something, they do what the documentation says.
 */
public abstract class Context {
    private static final PowerManager POWER = new PowerManager();
    private final List<ComponentCallbacks> components = new ArrayList<>();

    public abstract Context getApplicationContext();

    public File getCacheDir() {
        return new File(System.getProperty("portrait.cache"));
    }

    public AssetManager getAssets() {
        return new AssetManager();
    }

    /** At once: tests are the main thread. */
    public Executor getMainExecutor() {
        return Runnable::run;
    }

    public final <T> T getSystemService(Class<T> service) {
        return service.cast(POWER);
    }

    public void registerComponentCallbacks(ComponentCallbacks next) {
        components.add(next);
    }

    public void unregisterComponentCallbacks(ComponentCallbacks last) {
        components.remove(last);
    }

    /** For tests: what the system tells. */
    public int tellComponents(Consumer<ComponentCallbacks> news) {
        List<ComponentCallbacks> now = new ArrayList<>(components);
        now.forEach(news);
        return components.size();
    }
}
