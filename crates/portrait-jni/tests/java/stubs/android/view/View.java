package android.view;

import android.content.Context;

/** See Context. */
public class View {
    public View(Context context) {}

    public final int getWidth() {
        return 0;
    }

    public final int getHeight() {
        return 0;
    }
}
