package org.portrait;

import android.content.Context;
import android.util.AttributeSet;
import android.view.SurfaceHolder;
import android.view.SurfaceView;
import java.util.function.Consumer;

/**
 * Shows what a session makes. Give it the session with {@link #show}; it follows the life of its surface by itself. Main thread only,
 * as every view; the session is closed by whoever opened it, after {@code show(null)}.
 */
public final class PortraitView extends SurfaceView implements SurfaceHolder.Callback {
    /** Hears that the session shown has failed. */
    public interface FailureListener {
        /** Nothing more is shown; called on the main thread. */
        void failed(PortraitException why);
    }

    private Session session;
    private boolean surface;
    private FailureListener listener;

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
    public void setFailureListener(FailureListener next) {
        listener = next;
    }

    /** Shows this session from now on; null: none. */
    public void show(Session next) {
        tell(Session::surfaceDestroyed);
        session = next;
        if (surface) {
            attach();
        }
    }

    private void attach() {
        tell(shown -> shown.surfaceCreated(getHolder().getSurface(), getWidth(), getHeight(), true));
    }

    /** An exception in Android's callbacks would end the app. */
    private void tell(Consumer<Session> news) {
        if (session == null) {
            return;
        }
        try {
            news.accept(session);
        } catch (PortraitException error) {
            // One that was closed before this view was told has nothing to hear.
            if (error.status() != Native.RELEASED && listener != null) {
                listener.failed(error);
            }
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
