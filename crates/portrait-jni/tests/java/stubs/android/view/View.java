package android.view;

/** See Context. */
public class View {
    public final int getWidth() {
        return 0;
    }

    public final int getHeight() {
        return 0;
    }
}
