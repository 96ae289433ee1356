package org.portrait;

import android.content.Context;
import android.util.AttributeSet;
import android.view.SurfaceHolder;
import android.view.SurfaceView;
import java.util.function.Consumer;

/**
 * Shows what a session makes, and keeps the session in step with the app ({@link AppLifecycle}). Give it the session with {@link #show}; it
 * follows the life of its surface by itself. Main thread only, as every view; the session is closed by whoever opened it, after
 * {@code show(null)}.
 */
public final class PortraitView extends SurfaceView implements SurfaceHolder.Callback {
    private Session session;
    private AppLifecycle lifecycle;
    private boolean surface;
    private AppLifecycle.FailureListener listener;

    /** For code. */
    public PortraitView(Context context) {
        this(context, null);
    }

    /** For layouts. */
    public PortraitView(Context context, AttributeSet attributes) {
        super(context, attributes);
        getHolder().addCallback(this);
    }

    /** Who hears of failures; null: nobody. */
    public void setFailureListener(AppLifecycle.FailureListener next) {
        listener = next;
    }

    /** Shows this session from now on; null: none. */
    public void show(Session next) {
        tell(Session::surfaceDestroyed);
        if (lifecycle != null) {
            lifecycle.close();
        }
        session = next;
        lifecycle = next == null ? null : new AppLifecycle(getContext(), next, this::failed);
        if (surface) {
            attach();
        }
    }

    private void attach() {
        tell(shown -> shown.surfaceCreated(getHolder().getSurface(), getWidth(), getHeight(), true));
    }

    private void failed(PortraitException why) {
        if (listener != null) {
            listener.failed(why);
        }
    }

    private void tell(Consumer<Session> news) {
        if (session != null) {
            AppLifecycle.tell(session, news, this::failed);
        }
    }

    @Override
    public void surfaceCreated(SurfaceHolder holder) {
        surface = true;
        attach();
    }

    @Override
    public void surfaceChanged(SurfaceHolder holder, int format, int width, int height) {
        tell(shown -> shown.surfaceChanged(width, height));
    }

    /** Returns when the library no longer draws: afterwards Android takes the surface away. */
    @Override
    public void surfaceDestroyed(SurfaceHolder holder) {
        surface = false;
        tell(Session::surfaceDestroyed);
    }
}
