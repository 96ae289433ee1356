package android.view;

import android.content.Context;

/** See Context. */
public class View {
    private final Context context;

    public View(Context context) {
        this.context = context;
    }

    public final Context getContext() {
        return context;
    }

    public final int getWidth() {
        return 0;
    }

    public final int getHeight() {
        return 0;
    }
}
