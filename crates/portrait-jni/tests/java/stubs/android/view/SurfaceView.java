package android.view;

import android.content.Context;
import android.util.AttributeSet;

/** See Context. */
public class SurfaceView extends View {
    private final SurfaceHolder holder = new SurfaceHolder() {
        @Override
        public void addCallback(Callback callback) {}

        @Override
        public Surface getSurface() {
            return new Surface();
        }
    };

    public SurfaceView(Context context, AttributeSet attributes) {
        super(context);
    }

    public SurfaceHolder getHolder() {
        return holder;
    }
}
