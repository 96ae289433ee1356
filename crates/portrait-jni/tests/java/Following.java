package org.portrait;

import android.app.Activity;
import android.app.Application;
import android.content.ComponentCallbacks2;
import android.content.ContextWrapper;
import android.graphics.Bitmap;
import android.os.Handler;
import android.os.PowerManager;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** A session in one call, and what the view makes of what Android tells; by stand-ins for Android. */
final class Following {
    private static final class Heard implements Portrait.Listener {
        Session session;
        Exception failure;
        final List<Float> progress = new ArrayList<>();

        @Override
        public void ready(Session opened) {
            session = opened;
        }

        @Override
        public void failed(Exception why) {
            failure = why;
        }

        @Override
        public void progress(float done, String next) {
            Scenario.check(progress.isEmpty() || progress.get(progress.size() - 1) <= done, next + " goes back to " + done);
            progress.add(done);
        }

        boolean silent() {
            return session == null && failure == null && progress.isEmpty();
        }
    }

    private static void settle(Heard heard) throws InterruptedException {
        while (heard.session == null && heard.failure == null) {
            Handler.runNext();
        }
    }

    static void run(ByteBuffer photo, int side, Frame frame, int driverSide) throws Exception {
        Activity activity = new Activity();
        Application application = activity.getApplication();
        // In the GPU's own memory, as photos are that came by a loader of pictures.
        Bitmap bitmap = new Bitmap(photo, side, Bitmap.Config.HARDWARE);

        // Nobody hears of what was closed, nor of what has no weights but the reason.
        Heard nothing = new Heard(), heard = new Heard();
        Portrait.open(activity, bitmap, nothing).close();
        String assets = System.setProperty("portrait.assets", "nowhere");
        Portrait.open(activity, bitmap, heard);
        settle(heard);
        System.setProperty("portrait.assets", assets);
        Scenario.check(heard.session == null && heard.failure.getMessage().contains("hold no"), "" + heard.failure);

        Heard well = new Heard();
        Session.Options how = new Session.Options().frames(driverSide, driverSide).pictureSide(512);
        Portrait portrait = Portrait.open(activity, bitmap, how, well);
        Scenario.check(portrait.session() == null, "it returns at once");
        settle(well);
        Scenario.check(well.failure == null, "" + well.failure);
        Session session = well.session;
        Scenario.check(session == portrait.session() && well.progress.contains(1f) && nothing.silent(), "ready");
        ByteBuffer picture = ByteBuffer.allocateDirect(4 * 512 * 512);
        Scenario.take(session, frame, picture, 40_000_000);

        List<PortraitException> failures = new ArrayList<>();
        PortraitView view = new PortraitView(new ContextWrapper(activity));
        view.setFailureListener(failures::add);
        view.show(session);
        application.tellActivities(told -> told.onActivityStopped(new Activity()));
        Scenario.check(!session.status().paused, "another activity");
        application.tellActivities(told -> told.onActivityStopped(activity));
        Scenario.check(session.status().paused, "nobody sees it");
        application.tellActivities(told -> told.onActivityStarted(activity));
        Scenario.check(!session.status().paused, "seen again");
        session.pause();
        application.tellActivities(told -> told.onActivityStopped(activity));
        application.tellActivities(told -> told.onActivityStarted(activity));
        Scenario.check(session.status().paused, "the app's own pause is the app's");
        session.resume();
        Scenario.take(session, frame, picture, 80_000_000);
        application.tellComponents(told -> ((ComponentCallbacks2) told).onTrimMemory(10));
        Scenario.check(session.status().open, "a little memory");
        application.tellComponents(told -> ((ComponentCallbacks2) told).onTrimMemory(ComponentCallbacks2.TRIM_MEMORY_BACKGROUND));
        Scenario.check(!session.status().open, "all that there is");
        PowerManager power = activity.getSystemService(PowerManager.class);
        power.heat(PowerManager.THERMAL_STATUS_SEVERE, () -> {});
        Scenario.take(session, frame, picture, 120_000_000);
        // There is no surface on this machine, which is a failure that the app hears of.
        view.surfaceCreated(null);
        Scenario.check(failures.size() == 1 && failures.get(0).getMessage().contains("`surface` is null"), "" + failures);

        // It gets hotter while the activity goes: the word is on its way when the session is closed.
        int listening = power.heat(PowerManager.THERMAL_STATUS_CRITICAL, () -> {
            session.close();
            application.tellActivities(told -> told.onActivityDestroyed(activity));
        });
        int following = application.tellActivities(told -> {}) + application.tellComponents(told -> {});
        Scenario.check(listening == 0 && following == 0, "who listens, holds on to the activity");
        view.surfaceChanged(null, 0, 10, 10);
        view.show(null);
        portrait.close();
        Scenario.check(failures.size() == 1 && portrait.session() == null, "" + failures);
    }
}
