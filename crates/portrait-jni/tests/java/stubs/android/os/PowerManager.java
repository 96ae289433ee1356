package android.os;

import java.util.concurrent.Executor;

public final class PowerManager {
    public static final int THERMAL_STATUS_LIGHT = 1;
    public static final int THERMAL_STATUS_SEVERE = 3;
    public static final int THERMAL_STATUS_CRITICAL = 4;

    public interface OnThermalStatusChangedListener {
        void onThermalStatusChanged(int status);
    }

    public void addThermalStatusListener(Executor executor, OnThermalStatusChangedListener listener) {}

    public void removeThermalStatusListener(OnThermalStatusChangedListener listener) {}
}
