package org.portrait;

import android.app.Activity;
import android.app.Application;
import android.content.ComponentCallbacks2;
import android.content.Context;
import android.content.ContextWrapper;
import android.content.res.Configuration;
import android.os.Build;
import android.os.Bundle;
import android.os.PowerManager;
import java.util.function.Consumer;

/**
 * Keeps a session in step with the app until it is closed: pauses it while its activity is not seen, gives memory back when that is
 * short, and makes fewer pictures on a hot device. {@link PortraitView} has one; a session without a view needs its own. Main thread only.
 */
public final class AppLifecycle implements AutoCloseable {
    /** Hears what the library says, should it not be able to show or to follow the app. */
    public interface FailureListener {
        /** Called on the main thread. */
        void failed(PortraitException why);
    }

    private final Session session;
    private final FailureListener listener;
    private final Following following = new Following();
    private final Context application;
    /** Whose activity it is; null where there is none: then the app pauses the session itself. */
    private final Activity activity;
    private final Runnable forgetHeat;
    /** The activity has paused it, and not the app: then it may go on by itself. */
    private boolean paused;
    private boolean closed;

    /**
     * @param context the session's activity, or what is built on one, as a view's context.
     * @param listener who hears of failures; null: nobody.
     */
    public AppLifecycle(Context context, Session session, FailureListener listener) {
        this.session = session;
        this.listener = listener;
        application = context.getApplicationContext();
        activity = activityOf(context);
        application.registerComponentCallbacks(following);
        if (activity != null) {
            activity.getApplication().registerActivityLifecycleCallbacks(following);
        }
        forgetHeat = Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q ? Heat.follow(context, this) : () -> {};
    }

    /** Follows no more. The session stays as it is. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        forgetHeat.run();
        application.unregisterComponentCallbacks(following);
        if (activity != null) {
            activity.getApplication().unregisterActivityLifecycleCallbacks(following);
        }
    }

    private static Activity activityOf(Context context) {
        for (Context at = context; at instanceof ContextWrapper; at = ((ContextWrapper) at).getBaseContext()) {
            if (at instanceof Activity) {
                return (Activity) at;
            }
        }
        return null;
    }

    /** An exception in Android's callbacks would end the app. */
    private void tell(Consumer<Session> news) {
        if (!closed) {
            tell(session, news, listener);
        }
    }

    /** What one that was closed meanwhile says, nobody needs to hear. */
    static void tell(Session session, Consumer<Session> news, FailureListener listener) {
        try {
            news.accept(session);
        } catch (PortraitException error) {
            if (error.status() != PortraitException.RELEASED && listener != null) {
                listener.failed(error);
            }
        }
    }

    private final class Following implements ComponentCallbacks2, Application.ActivityLifecycleCallbacks {
        @Override
        public void onActivityStarted(Activity started) {
            if (started == activity && paused) {
                paused = false;
                tell(Session::resume);
            }
        }

        /** Returns when nothing is given to the GPU any more. */
        @Override
        public void onActivityStopped(Activity stopped) {
            if (stopped == activity) {
                tell(
                        shown -> {
                            if (!shown.status().paused) {
                                shown.pause();
                                paused = true;
                            }
                        });
            }
        }

        @Override
        public void onActivityDestroyed(Activity destroyed) {
            if (destroyed == activity) {
                close();
            }
        }

        @Override
        public void onTrimMemory(int level) {
            boolean away = level >= ComponentCallbacks2.TRIM_MEMORY_BACKGROUND;
            tell(shown -> shown.trim(away ? Session.TRIM_PIPELINES : Session.TRIM_WAITING));
        }

        @Override
        @SuppressWarnings("deprecation") // Still an abstract method of the interface.
        public void onLowMemory() {
            tell(shown -> shown.trim(shown.status().paused ? Session.TRIM_PIPELINES : Session.TRIM_WAITING));
        }

        @Override
        public void onConfigurationChanged(Configuration next) {}

        @Override
        public void onActivityCreated(Activity created, Bundle state) {}

        @Override
        public void onActivityResumed(Activity resumed) {}

        @Override
        public void onActivityPaused(Activity left) {}

        @Override
        public void onActivitySaveInstanceState(Activity saved, Bundle state) {}
    }

    /** Apart, since Android before 10 knows nothing of it. */
    private static final class Heat {
        /** What ends it. */
        static Runnable follow(Context context, AppLifecycle lifecycle) {
            PowerManager power = context.getSystemService(PowerManager.class);
            PowerManager.OnThermalStatusChangedListener changed =
                    status -> lifecycle.tell(session -> session.setThermal(stepOf(status)));
            power.addThermalStatusListener(context.getMainExecutor(), changed);
            return () -> power.removeThermalStatusListener(changed);
        }

        /** Android tells six steps, the library takes three. */
        private static int stepOf(int status) {
            if (status >= PowerManager.THERMAL_STATUS_CRITICAL) {
                return 3;
            }
            if (status >= PowerManager.THERMAL_STATUS_SEVERE) {
                return 2;
            }
            return status >= PowerManager.THERMAL_STATUS_LIGHT ? 1 : 0;
        }
    }
}
