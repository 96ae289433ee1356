package android.app;

import android.content.ComponentCallbacks2;
import android.content.Context;
import android.os.Bundle;
import android.view.View;

public class Activity extends Context implements ComponentCallbacks2 {
    protected void onCreate(Bundle state) {}

    protected void onStart() {}

    protected void onStop() {}

    protected void onDestroy() {}

    @Override
    public void onTrimMemory(int level) {}

    public void setContentView(View view) {}

    public final void runOnUiThread(Runnable action) {}

    public boolean isDestroyed() {
        return false;
    }
}
