package org.portrait;

import android.content.Context;
import android.util.AttributeSet;
import android.view.SurfaceHolder;
import android.view.SurfaceView;

/**
 * Shows what a session makes. Give it the session with {@link #show}; it follows the life of its surface by itself. Main thread only,
 * as every view; the session is closed by whoever opened it, after {@code show(null)}.
 */
public final class PortraitView extends SurfaceView implements SurfaceHolder.Callback {
    private Session session;
    private boolean surface;

    /** For code. */
    public PortraitView(Context context) {
        this(context, null);
    }

    /** For layouts. */
    public PortraitView(Context context, AttributeSet attributes) {
        super(context, attributes);
        getHolder().addCallback(this);
    }

    /** Shows this session from now on; null: none. */
    public void show(Session next) {
        if (session != null) {
            session.surfaceDestroyed();
        }
        session = next;
        if (surface) {
            attach();
        }
    }

    private void attach() {
        if (session != null) {
            session.surfaceCreated(getHolder().getSurface(), getWidth(), getHeight(), true);
        }
    }

    @Override
    public void surfaceCreated(SurfaceHolder holder) {
        surface = true;
        attach();
    }

    @Override
    public void surfaceChanged(SurfaceHolder holder, int format, int width, int height) {
        if (session != null) {
            session.surfaceChanged(width, height);
        }
    }

    /** Returns when the library no longer draws: afterwards Android takes the surface away. */
    @Override
    public void surfaceDestroyed(SurfaceHolder holder) {
        surface = false;
        if (session != null) {
            session.surfaceDestroyed();
        }
    }
}
