package org.portrait;

import android.content.Context;
import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import android.graphics.Bitmap;
import android.os.Handler;
import android.os.Looper;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/**
 * A photo that a camera moves, in one call: engine, avatar and session, opened in a thread of its own. For more to say than that,
 * {@link Engine}, {@link Avatar} and {@link Session}. Main thread only.
 */
public final class Portrait implements AutoCloseable {
    /** The weights, among the app's assets. */
    public static final String WEIGHTS = "portrait_s.safetensors";

    /** Hears how it goes, on the main thread, and nothing after {@link Portrait#close}. */
    public interface Listener {
        /** The session takes frames, and may be shown: {@link PortraitView#show}. */
        void ready(Session session);

        /** There is none; the message says why, and what to do. */
        void failed(Exception why);

        /** What is done of it, 0 to 1, and what comes next. */
        default void progress(float done, String next) {}
    }

    private final Handler main = new Handler(Looper.getMainLooper());
    private final Context context;
    private final Listener listener;
    private volatile boolean closed;
    private Session session;

    private Portrait(Context context, Listener listener) {
        // The activity may go meanwhile.
        this.context = context.getApplicationContext();
        this.listener = listener;
    }

    /** Opens a session in which a camera moves the largest face of a photo; returns at once. It shows its pictures on a view only. */
    public static Portrait open(Context context, Bitmap photo, Listener listener) {
        return open(context, photo, new Session.Options().withoutPictures(), listener);
    }

    /** The same, with more to say. */
    public static Portrait open(Context context, Bitmap photo, Session.Options how, Listener listener) {
        Portrait portrait = new Portrait(context, listener);
        new Thread(() -> portrait.work(photo, how), "portrait open").start();
        return portrait;
    }

    /** The session; null until it is ready. It is closed by {@link #close}. */
    public Session session() {
        return session;
    }

    /** Closes the session, or opens none; returns at once. Before, {@code show(null)} of the view that shows it. */
    @Override
    public void close() {
        closed = true;
        letGo(session);
        session = null;
    }

    /** Its thread may be at work on what takes seconds. */
    private static void letGo(Session opened) {
        if (opened != null) {
            new Thread(opened::close, "portrait close").start();
        }
    }

    private void work(Bitmap photo, Session.Options how) {
        try {
            Session opened = open(photo, how);
            main.post(
                    () -> {
                        if (closed) {
                            letGo(opened);
                        } else {
                            session = opened;
                            tell(1, "ready");
                            if (opened != null) {
                                listener.ready(opened);
                            }
                        }
                    });
        } catch (IOException | RuntimeException why) {
            fail(why);
        } catch (LinkageError why) {
            // The app has no library for this processor: no reason to end it.
            fail(new IllegalStateException("the library cannot be loaded: " + why.getMessage(), why));
        }
    }

    private void fail(Exception why) {
        main.post(
                () -> {
                    if (!closed) {
                        listener.failed(why);
                    }
                });
    }

    /** Sessions go on without engine and avatar. Null where nobody wants it any more. */
    private Session open(Bitmap photo, Session.Options how) throws IOException {
        String cache = context.getCacheDir() + "/portrait";
        try (Engine engine = Engine.open(new Engine.Options().weights(weights()).cacheDirectory(cache))) {
            while (!closed && !engine.await(100)) {
                Engine.Progress now = engine.progress();
                main.post(() -> tell(0.6f * now.done, now.next));
            }
            if (closed) {
                return null;
            }
            main.post(() -> tell(0.6f, "looking at the photo"));
            try (Avatar avatar = Avatar.prepare(engine, photo)) {
                return Session.open(engine, avatar, how);
            }
        }
    }

    private void tell(float done, String next) {
        if (!closed) {
            listener.progress(done, next);
        }
    }

    /** Mapped into memory where the app's build leaves them as they are, {@code noCompress += "safetensors"}; else read. */
    private ByteBuffer weights() throws IOException {
        AssetManager assets = context.getAssets();
        try (AssetFileDescriptor file = assets.openFd(WEIGHTS);
                FileInputStream stream = file.createInputStream()) {
            FileChannel channel = stream.getChannel();
            return channel.map(FileChannel.MapMode.READ_ONLY, file.getStartOffset(), file.getDeclaredLength());
        } catch (FileNotFoundException compressed) {
            try (InputStream stream = assets.open(WEIGHTS)) {
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                byte[] part = new byte[1 << 16];
                for (int length = stream.read(part); length >= 0; length = stream.read(part)) {
                    bytes.write(part, 0, length);
                }
                ByteBuffer read = ByteBuffer.allocateDirect(bytes.size());
                read.duplicate().put(bytes.toByteArray());
                return read;
            } catch (FileNotFoundException missing) {
                String way = "; put it among them, or package the library with --weights portrait_s";
                throw new FileNotFoundException("the app's assets hold no " + WEIGHTS + way);
            }
        }
    }
}
