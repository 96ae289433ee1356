package android.app;

import android.content.ContextWrapper;
import android.os.Bundle;
import android.view.View;

public class Activity extends ContextWrapper {
    private static final Application APPLICATION = new Application();

    public Activity() {
        super(null);
    }

    public final Application getApplication() {
        return APPLICATION;
    }

    @Override
    public android.content.Context getApplicationContext() {
        return APPLICATION;
    }

    protected void onCreate(Bundle state) {}

    protected void onDestroy() {}

    public void setContentView(View view) {}

    public final void runOnUiThread(Runnable action) {}
}
