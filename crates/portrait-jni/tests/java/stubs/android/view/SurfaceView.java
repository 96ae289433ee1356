package android.view;

import android.content.Context;
import android.util.AttributeSet;

/** See Context. */
public class SurfaceView extends View {
    public SurfaceView(Context context, AttributeSet attributes) {
        super(context);
    }

    public SurfaceHolder getHolder() {
        return null;
    }
}
