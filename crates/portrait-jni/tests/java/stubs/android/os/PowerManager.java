package android.os;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Executor;

public final class PowerManager {
    public static final int THERMAL_STATUS_LIGHT = 1;
    public static final int THERMAL_STATUS_SEVERE = 3;
    public static final int THERMAL_STATUS_CRITICAL = 4;

    public interface OnThermalStatusChangedListener {
        void onThermalStatusChanged(int status);
    }

    private final Map<OnThermalStatusChangedListener, Executor> listeners = new LinkedHashMap<>();

    /** The listener hears the status of now first. */
    public void addThermalStatusListener(Executor executor, OnThermalStatusChangedListener listener) {
        listeners.put(listener, executor);
        executor.execute(() -> listener.onThermalStatusChanged(0));
    }

    public void removeThermalStatusListener(OnThermalStatusChangedListener listener) {
        listeners.remove(listener);
    }

    /** For tests: what the system tells; also a word that is on its way to a listener when that is removed. */
    public int heat(int status, Runnable meanwhile) {
        Map<OnThermalStatusChangedListener, Executor> now = new LinkedHashMap<>(listeners);
        meanwhile.run();
        now.forEach((listener, executor) -> executor.execute(() -> listener.onThermalStatusChanged(status)));
        return listeners.size();
    }
}
