package org.portrait;

import java.nio.ByteBuffer;

/**
 * Device, networks and weights. One serves any number of avatars and sessions. Any thread may call; {@link #close} may be called again.
 */
public final class Engine implements AutoCloseable {
    final long handle;

    private Engine(long handle) {
        this.handle = handle;
    }

    /** Begins to open an engine with the weights of a file; returns at once. {@link #await} waits until it is open. */
    public static Engine open(String weightsFile, String cacheDirectory) {
        return open(weightsFile, null, null, cacheDirectory, null);
    }

    /** The same with weights in memory, a direct buffer: Android's assets, say. They are copied. */
    public static Engine open(ByteBuffer weights, String cacheDirectory) {
        return open(null, Native.direct(weights, "weights"), null, cacheDirectory, null);
    }

    /** An engine of another preset on this engine's device, for sessions that are to stay cool. */
    public Engine sibling(String weightsFile, String preset) {
        return open(weightsFile, null, preset, null, this);
    }

    private static Engine open(String file, ByteBuffer weights, String preset, String cacheDirectory, Engine share) {
        ByteBuffer out = Native.numbers(1);
        long sharedHandle = share == null ? 0 : share.handle;
        Native.check(
                Native.engineOpen(
                        Native.text(file), weights, Native.text(preset), Native.text(cacheDirectory), 0, sharedHandle, out));
        return new Engine(out.getLong(0));
    }

    /** Waits until the engine is open, no longer than this; whether it is. Throws if it could not be opened. */
    public boolean await(int milliseconds) {
        int status = Native.engineWait(handle, milliseconds);
        if (status == Native.PENDING) {
            return false;
        }
        Native.check(status);
        return true;
    }

    /** Name of the GPU. Waits until the engine is open. */
    public String adapter() {
        String name = Native.engineAdapter(handle);
        if (name == null) {
            Native.check(Native.engineWait(handle, -1));
        }
        return name;
    }

    /** Releases the engine; avatars and sessions of it go on. */
    @Override
    public void close() {
        Native.check(Native.engineRelease(handle));
    }
}
