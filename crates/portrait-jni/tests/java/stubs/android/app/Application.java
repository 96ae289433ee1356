package android.app;

import android.content.ContextWrapper;
import android.os.Bundle;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

public class Application extends ContextWrapper {
    public interface ActivityLifecycleCallbacks {
        void onActivityCreated(Activity activity, Bundle state);

        void onActivityStarted(Activity activity);

        void onActivityResumed(Activity activity);

        void onActivityPaused(Activity activity);

        void onActivityStopped(Activity activity);

        void onActivitySaveInstanceState(Activity activity, Bundle state);

        void onActivityDestroyed(Activity activity);
    }

    private final List<ActivityLifecycleCallbacks> callbacks = new ArrayList<>();

    public Application() {
        super(null);
    }

    public void registerActivityLifecycleCallbacks(ActivityLifecycleCallbacks next) {
        callbacks.add(next);
    }

    public void unregisterActivityLifecycleCallbacks(ActivityLifecycleCallbacks last) {
        callbacks.remove(last);
    }

    /** For tests: what the system tells. */
    public int tellActivities(Consumer<ActivityLifecycleCallbacks> news) {
        List<ActivityLifecycleCallbacks> now = new ArrayList<>(callbacks);
        now.forEach(news);
        return callbacks.size();
    }
}
