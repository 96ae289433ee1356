package org.portrait;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/**
 * Device, networks and weights. One serves any number of avatars and sessions. Any thread may call; {@link #close} may be called again.
 */
public final class Engine implements AutoCloseable {
    /** Precision of weights and features: what suits the device. */
    public static final int PRECISION_AUTOMATIC = 0;
    /** 32 bits. */
    public static final int PRECISION_F32 = 1;
    /** Stored in 16 bits, computed in 32. */
    public static final int PRECISION_F16_PACKED = 2;
    /** 16 bits, where the device computes with them. */
    public static final int PRECISION_F16 = 3;

    /** How an engine is opened. */
    public static final class Options {
        String file;
        ByteBuffer weights;
        String preset;
        String adapter;
        String cacheDirectory;
        int precision;
        boolean untested;

        /** The weights, a safetensors file. */
        public Options weights(String file) {
            this.file = file;
            return this;
        }

        /** The same in memory, a direct buffer: Android's assets, say. They are copied. */
        public Options weights(ByteBuffer weights) {
            this.weights = Native.direct(weights, "weights");
            return this;
        }

        /** The preset that the weights were made for; "s" unless said otherwise. */
        public Options preset(String preset) {
            this.preset = preset;
            return this;
        }

        /** Part of the GPU's name; the best one unless said otherwise. */
        public Options adapter(String adapter) {
            this.adapter = adapter;
            return this;
        }

        /** {@code PRECISION_…}. */
        public Options precision(int precision) {
            this.precision = precision;
            return this;
        }

        /**
         * Where compiled pipelines are kept for a faster start, and what the self-test has found. With it the first start on a driver
         * tests every pipeline (seconds), and goes around what the driver computes wrongly.
         */
        public Options cacheDirectory(String directory) {
            cacheDirectory = directory;
            return this;
        }

        /** Tests nothing. */
        public Options withoutSelfTest() {
            untested = true;
            return this;
        }
    }

    /** What an engine runs on. */
    public static final class Info {
        /** Name of the GPU, of the interface to it ("Vulkan"), and of the driver. */
        public final String adapter, backend, driver;
        /** Name of the preset. */
        public final String preset;
        /** SHA-256 of the weights, in hexadecimal. */
        public final String weights;
        /** The {@code PRECISION_…} in use. */
        public final int precision;
        /** Largest side of a frame or photo in pixels. */
        public final int largestSide;
        /**
         * What the app should know although everything works: kernels that are gone around and precisions that are given up because the
         * device computes them wrongly, a cache that cannot be used, a surface that refused pictures.
         */
        public final List<String> warnings;

        private Info(String[] told) {
            adapter = told[0];
            backend = told[1];
            driver = told[2];
            preset = told[3];
            weights = told[4];
            precision = Integer.parseInt(told[5]);
            largestSide = Integer.parseInt(told[6]);
            warnings = Collections.unmodifiableList(Arrays.asList(told).subList(7, told.length));
        }
    }

    /** How opening goes. */
    public static final class Progress {
        /** 0 to 1. */
        public final float done;
        /** What is done next. */
        public final String next;

        private Progress(float done, String next) {
            this.done = done;
            this.next = next;
        }
    }

    final long handle;

    private Engine(long handle) {
        this.handle = handle;
    }

    /** Begins to open an engine with the weights of a file; returns at once. {@link #await} waits until it is open. */
    public static Engine open(String weightsFile, String cacheDirectory) {
        return open(new Options().weights(weightsFile).cacheDirectory(cacheDirectory));
    }

    /** The same, with more to say. */
    public static Engine open(Options how) {
        return open(how, 0);
    }

    /**
     * An engine of another preset on this engine's device, for sessions that are to stay cool. Precision, adapter, cache and self-test
     * are this engine's.
     */
    public Engine sibling(String weightsFile, String preset) {
        return open(new Options().weights(weightsFile).preset(preset), handle);
    }

    private static Engine open(Options how, long share) {
        ByteBuffer out = Native.numbers(1);
        Native.check(
                Native.engineOpen(
                        Native.text(how.file), how.weights, Native.text(how.preset), Native.text(how.adapter),
                        Native.text(how.cacheDirectory), how.precision, how.untested, share, out));
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

    /** How opening goes, to be asked between two calls of {@link #await}. Never waits. */
    public Progress progress() {
        ByteBuffer out = Native.numbers(1);
        String next = Native.engineProgress(handle, out);
        return new Progress((float) out.getDouble(0), next);
    }

    /** What the engine runs on. Waits until it is open. */
    public Info info() {
        String told = Native.engineInfo(handle);
        if (told == null) {
            throw Native.failure();
        }
        return new Info(told.split("\n", -1));
    }

    /**
     * Runs every pipeline once and compares with the CPU: the names of those that this device computes wrongly. Takes seconds; not for the
     * main thread.
     */
    public String[] selfTest() {
        String names = Native.engineSelfTest(handle);
        if (names == null) {
            throw Native.failure();
        }
        return names.isEmpty() ? new String[0] : names.split(", ");
    }

    /** Releases the engine; avatars and sessions of it go on. */
    @Override
    public void close() {
        Native.check(Native.engineRelease(handle));
    }
}
