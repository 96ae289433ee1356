package org.portrait;

import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * One avatar driven by one camera, in a thread of the library's. Any thread may call, and no call waits for the GPU unless it says so.
 * {@link #close} may be called again.
 */
public final class Session implements AutoCloseable {
    /** Frames and pictures that wait; for {@link #trim}. */
    public static final int TRIM_WAITING = 0;
    /** Also everything the session has on the GPU; the next frame makes it again. */
    public static final int TRIM_SESSION = 1;
    /** Also the engine's compiled pipelines. */
    public static final int TRIM_PIPELINES = 2;

    /** How a session runs. */
    public static final class Options {
        int framing;
        int width;
        int height;
        ByteBuffer photo;
        int photoWidth;
        int photoHeight;
        float rate;
        boolean pictures = true;
        Motion motion;
        long coolEngine;
        long coolAvatar;
        int pictureSide;

        /** The size of the frames to expect, once upright; frames of another size are taken too. */
        public Options frames(int width, int height) {
            this.width = width;
            this.height = height;
            return this;
        }

        /** Shows the whole photo that the avatar was made of, RGBA without gaps in a direct buffer. */
        public Options wholePhoto(ByteBuffer rgba, int width, int height) {
            framing = 1;
            photo = Native.direct(rgba, "rgba");
            photoWidth = width;
            photoHeight = height;
            return this;
        }

        /** Shows the person alone, transparent around. */
        public Options cutOut() {
            framing = 2;
            return this;
        }

        /**
         * Side of the pictures in pixels where they show the square or the person cut out, from the preset's own side (256) on; 0: that.
         * A larger one is sharper where the photo is, up to 1024.
         */
        public Options pictureSide(int pixels) {
            pictureSide = pixels;
            return this;
        }

        /** Most pictures a second. */
        public Options rate(float picturesPerSecond) {
            rate = picturesPerSecond;
            return this;
        }

        /** Leaves out the copy of each picture to memory: only what is on a surface is seen. */
        public Options withoutPictures() {
            pictures = false;
            return this;
        }

        /** How the driver's motion is taken over, from the first frame on. */
        public Options motion(Motion motion) {
            this.motion = motion;
            return this;
        }

        /** What takes over when the device is critically hot; of {@link Engine#sibling}. */
        public Options cool(Engine engine, Avatar avatar) {
            coolEngine = engine.handle;
            coolAvatar = avatar.handle;
            return this;
        }
    }

    /** What a session does. */
    public static final class Status {
        /** Whether it has what it needs on the GPU. */
        public final boolean open;
        /** Whether it was told to pause. */
        public final boolean paused;
        /** Whether there is a surface to draw on. */
        public final boolean surface;
        /** Whether what stays cool makes the pictures. */
        public final boolean cooled;
        /** Whether the newest frame showed a face. */
        public final boolean face;
        /** Frames pushed. */
        public final long pushed;
        /** Frames among them that were not used. */
        public final long dropped;
        /** Pictures made. */
        public final long pictures;
        /** From the push of the newest picture's frame until it was done, in nanoseconds. */
        public final long latency;
        /** GPU time of that in nanoseconds; 0 where the device does not tell. */
        public final long gpu;
        /**
         * What of that finding the face, tracking it, transferring its motion, dense motion, synthesis and composing took, in this
         * order.
         */
        public final long[] gpuStages = new long[6];
        /** How certain it is that the newest frame showed a face, 0 to 1. */
        public final double score;
        /** Centre (x, y), side and angle (radians, clockwise) of a square around that face, in pixels of the upright frame. */
        public final double[] region = new double[4];
        /** Whether the session has ended by a failure, which the next push throws. */
        public final boolean failed;
        /** What half of the newest 240 latencies, and what 95 % of them stayed below, in nanoseconds. */
        public final long latencyP50, latencyP95;
        /** Pictures a second in the last three seconds. */
        public final double rate;

        private Status(ByteBuffer told) {
            open = told.getLong(0) != 0;
            paused = told.getLong(8) != 0;
            surface = told.getLong(16) != 0;
            cooled = told.getLong(24) != 0;
            face = told.getLong(32) != 0;
            pushed = told.getLong(40);
            dropped = told.getLong(48);
            pictures = told.getLong(56);
            latency = told.getLong(64);
            gpu = told.getLong(72);
            score = told.getDouble(80);
            for (int i = 0; i < region.length; i++) {
                region[i] = told.getDouble(88 + 8 * i);
            }
            for (int i = 0; i < gpuStages.length; i++) {
                gpuStages[i] = told.getLong(120 + 8 * i);
            }
            failed = told.getLong(168) != 0;
            latencyP50 = told.getLong(176);
            latencyP95 = told.getLong(184);
            rate = told.getDouble(192);
        }
    }

    private final long handle;

    private Session(long handle) {
        this.handle = handle;
    }

    /** Starts a session. Waits for the engine; frames may be pushed at once. */
    public static Session open(Engine engine, Avatar avatar, Options how) {
        ByteBuffer out = Native.numbers(1);
        Native.check(
                Native.sessionOpen(
                        engine.handle, avatar.handle, how.framing, how.width, how.height, how.photo, how.photoWidth,
                        how.photoHeight, how.rate, how.pictures, how.motion == null ? null : how.motion.told(),
                        how.coolEngine, how.coolAvatar, how.pictureSide, out));
        return new Session(out.getLong(0));
    }

    /**
     * Gives the newest frame of the driver, which is copied; an older one that was not begun yet is dropped. False, and no exception, after
     * the session was closed: cameras go on for a moment.
     */
    public boolean push(Frame frame) {
        return push(frame, 0);
    }

    /**
     * The same without the copy: the library reads the frame's buffers until it has run {@code release}, which is before the GPU begins.
     * It is run once, whatever comes of the call, an exception too, in a thread for this alone: it should be short, as
     * {@code image::close} is. A camera that gives no frame before the last one is closed, as CameraX by itself, is slowed down by this; for
     * it there is {@link #push(Frame)}.
     */
    public boolean push(Frame frame, Runnable release) {
        return push(frame, Loans.lend(frame.planes, Objects.requireNonNull(release, "release")));
    }

    private boolean push(Frame f, long loan) {
        int status =
                Native.sessionPush(
                        handle, f.format, f.colour, f.width, f.height, f.planes[0], f.planes[1], f.planes[2], f.stride,
                        f.chromaStride, f.chromaStep, f.rotation, f.mirror, f.timestamp, loan);
        if (status == Native.RELEASED) {
            return false;
        }
        Native.check(status);
        return true;
    }

    /**
     * Copies the newest picture that was not taken yet, RGBA, into a direct buffer; waits for one no longer than this. The time stamp of
     * its frame, or -1 if there is none.
     */
    public long takePicture(ByteBuffer rgba, int milliseconds) {
        ByteBuffer out = Native.numbers(3);
        int status = Native.sessionTakePicture(handle, milliseconds, Native.direct(rgba, "rgba"), out);
        if (status == Native.PENDING) {
            return -1;
        }
        Native.check(status);
        return out.getLong(16);
    }

    /** How the driver's motion is taken over. Factors are of relative motion and go from 0 to 10; 1 is the driver's own. */
    public static final class Motion {
        /** On all of it. */
        public float strength = 1;
        /** On what the head does as a whole, and on everything else that the face does. */
        public float headGain = 1, expressionGain = 1;
        /** Further ones on lids and lips. */
        public float eyeGain = 1, mouthGain = 1;
        /** Takes over the driver's pose as it is, instead of how it differs from the driver's neutral pose. */
        public boolean absolute;
        /** Leaves out the smoothing. */
        public boolean raw;

        private ByteBuffer told() {
            ByteBuffer out = Native.numbers(7);
            for (double number : new double[] {
                strength, headGain, expressionGain, eyeGain, mouthGain, absolute ? 1 : 0, raw ? 1 : 0
            }) {
                out.putDouble(number);
            }
            return out;
        }
    }

    /** How motion is taken over from the next frame on. */
    public void setMotion(Motion motion) {
        Native.check(Native.sessionSetMotion(handle, motion.told()));
    }

    /** Takes the next frame with a face as the driver's neutral pose. */
    public void recalibrate() {
        Native.check(Native.sessionRecalibrate(handle));
    }

    /** Stops making pictures, and waits for the frame at hand. */
    public void pause() {
        Native.check(Native.sessionPause(handle));
    }

    /** Goes on after a pause. */
    public void resume() {
        Native.check(Native.sessionResume(handle));
    }

    /** How hot the device is, 0 to 3: fewer pictures a second first, then {@link Options#cool}. */
    public void setThermal(int thermal) {
        Native.check(Native.sessionSetThermal(handle, thermal));
    }

    /** Gives memory back, {@code TRIM_…}; waits until that is done. */
    public void trim(int level) {
        Native.check(Native.sessionTrim(handle, level));
    }

    /** What the session does. */
    public Status status() {
        ByteBuffer out = Native.numbers(25);
        Native.check(Native.sessionStatus(handle, out));
        return new Status(out);
    }

    /**
     * Draws every picture on an {@code android.view.Surface} from now on; with {@code cover} all of it is filled. Waits for nothing, unless
     * there is another surface. Only on Android.
     */
    public void surfaceCreated(Object surface, int width, int height, boolean cover) {
        Native.check(Native.surfaceCreated(handle, surface, width, height, cover ? 1 : 0, 0, 0, 0));
    }

    /** Fits pictures to a surface of another size. Waits for nothing. */
    public void surfaceChanged(int width, int height) {
        Native.check(Native.surfaceChanged(handle, width, height));
    }

    /** Draws on no surface any more; waits until it is no longer in use. */
    public void surfaceDestroyed() {
        Native.check(Native.surfaceDestroyed(handle));
    }

    /** Releases the session and waits for its thread, also where another thread is releasing it. */
    @Override
    public void close() {
        Native.check(Native.sessionRelease(handle));
    }
}
