import android.content.Context;
import android.graphics.Bitmap;
import java.io.File;
import java.nio.ByteBuffer;
import org.portrait.AppLifecycle;
import org.portrait.Avatar;
import org.portrait.Engine;
import org.portrait.Frame;
import org.portrait.Portrait;
import org.portrait.PortraitException;
import org.portrait.PortraitView;
import org.portrait.Session;

/** The library in the words of Java; compiled, not run: the scenario in Kotlin does the same. */
final class FromJava {
    static final class Shown implements Portrait.Listener {
        private final PortraitView view;

        Shown(Context context) {
            view = new PortraitView(context);
            view.setFailureListener(why -> System.err.println(why.getMessage()));
        }

        @Override
        public void ready(Session session) {
            view.setSession(session);
        }

        @Override
        public void failed(Exception why) {}
    }

    static Portrait inOneCall(Context context, Bitmap photo) {
        Session.Options options = new Session.Options();
        options.setPictureSide(512);
        options.setFraming(Session.Framing.CutOut.INSTANCE);
        Portrait.open(context, photo, new Shown(context)).close();
        return Portrait.open(context, photo, options, new Shown(context));
    }

    static Session step(Context context, File weights, ByteBuffer rgba, int side) {
        Engine.Options how = new Engine.Options();
        how.setPrecision(Engine.Precision.F16_PACKED);
        how.setCacheDirectory(context.getCacheDir());
        try (Engine engine = Engine.open(weights, how);
                Avatar avatar = Avatar.prepare(engine, rgba, side, side, new Avatar.Face.At(10, 10))) {
            engine.await();
            System.out.println(engine.info().getWarnings() + " " + engine.getProgress().getDone() + avatar.getFaceSize());
            return Session.open(engine, avatar);
        }
    }

    static Long picture(Context context, Session session, ByteBuffer rgba, int side, Runnable release) {
        Frame frame = Frame.rgba(rgba, side, side);
        frame.setRotation(90);
        frame.setColour(Frame.Colour.BT709);
        try (AppLifecycle lifecycle = new AppLifecycle(context, session)) {
            session.push(frame);
            session.push(frame, release);
            short[] sound = new short[640];
            if (session.pushAudio(sound, System.nanoTime()) && session.pushAudio(sound, System.nanoTime(), 320, 320)) {
                session.interruptAudio();
            }
            session.trim(Session.Trim.WAITING);
            System.out.println(session.getStatus().getRegion().getSide() + " " + lifecycle);
            return session.takePicture(rgba);
        } catch (PortraitException why) {
            System.err.println(why.getStatus() == PortraitException.Status.DEVICE ? "open a new engine" : why.getMessage());
            return null;
        }
    }
}
