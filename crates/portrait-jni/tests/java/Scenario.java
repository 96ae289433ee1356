package org.portrait;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Photo to pictures and every misuse, as an app would do it: {@code Scenario WEIGHTS PHOTO DRIVER}, square RGBA pictures. */
final class Scenario {
    interface Call {
        void run() throws Exception;
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    /** The call throws an exception whose message says this. */
    static void fails(Class<? extends Exception> kind, String says, Call call) throws Exception {
        try {
            call.run();
        } catch (Exception error) {
            boolean right = kind.isInstance(error) && error.getMessage().contains(says);
            check(right, "expected `" + says + "`, got " + error);
            return;
        }
        throw new AssertionError("no exception; expected `" + says + "`");
    }

    static ByteBuffer read(String file) throws IOException {
        byte[] bytes = Files.readAllBytes(Path.of(file));
        return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
    }

    static int side(ByteBuffer rgba) {
        return (int) Math.round(Math.sqrt(rgba.capacity() / 4.0));
    }

    static double difference(ByteBuffer a, ByteBuffer b) {
        double sum = 0;
        for (int i = 0; i < a.capacity(); i++) {
            sum += Math.abs((a.get(i) & 255) - (b.get(i) & 255));
        }
        return sum / a.capacity();
    }

    /** Chroma in turns as Android's cameras give it: three planes, two of them in one memory, each shown from its own first sample. */
    static Frame yuv(ByteBuffer rgba, int side, boolean redFirst) {
        ByteBuffer luma = ByteBuffer.allocateDirect(side * side);
        ByteBuffer turns = ByteBuffer.allocateDirect(side * side / 2);
        for (int y = 0; y < side; y++) {
            for (int x = 0; x < side; x++) {
                int at = 4 * (y * side + x);
                double r = rgba.get(at) & 255, g = rgba.get(at + 1) & 255, b = rgba.get(at + 2) & 255;
                double light = 0.299 * r + 0.587 * g + 0.114 * b;
                luma.put(y * side + x, (byte) Math.round(light));
                if (x % 2 == 0 && y % 2 == 0) {
                    byte blue = (byte) Math.round(128 + (b - light) / 1.772);
                    byte red = (byte) Math.round(128 + (r - light) / 1.402);
                    int to = y / 2 * side + x;
                    turns.put(to, redFirst ? red : blue);
                    turns.put(to + 1, redFirst ? blue : red);
                }
            }
        }
        int last = turns.capacity() - 1;
        ByteBuffer first = turns.slice(0, last), second = turns.slice(1, last);
        return Frame.yuv420(luma, side, redFirst ? second : first, redFirst ? first : second, side, 2, side, side);
    }

    static void take(Session session, Frame frame, ByteBuffer picture, long clock) {
        session.push(frame.at(clock));
        check(session.takePicture(picture, 120_000) == clock, "the picture of this frame");
    }

    /** Of what a first start has found on a driver that is wrong, the app hears at the next. */
    static void gaveUp(String weights) throws IOException {
        Path cache = Path.of(System.getProperty("portrait.cache"), "portrait"), found;
        try (Stream<Path> files = Files.list(cache)) {
            found = files.filter(file -> file.toString().endsWith(".selftest")).findFirst().get();
        }
        String above = "[{\"tier\": \"f16_packed\", \"wrong\": [\"warp\"]}]";
        Files.writeString(found, "{\"tier\": \"f32\", \"avoid\": [\"conv3x3_8x8\"], \"above\": " + above + "}");
        try (Engine engine = Engine.open(weights, cache.toString())) {
            Engine.Info info = engine.info();
            check(info.precision == Engine.PRECISION_F32 && info.warnings.size() == 2, "" + info.warnings);
            check(info.warnings.get(0).contains("warp wrongly in f16_packed"), info.warnings.get(0));
            check(info.warnings.get(1).contains("conv3x3_8x8 wrongly: gone around"), info.warnings.get(1));
        }
    }

    public static void main(String[] arguments) throws Exception {
        ByteBuffer photo = read(arguments[1]), driver = read(arguments[2]);
        int photoSide = side(photo), driverSide = side(driver);

        fails(PortraitException.class, "nowhere.safetensors", () -> {
            try (Engine none = Engine.open("nowhere.safetensors", null)) {
                none.await(-1);
            }
        });
        // A name beyond the basic plane, there and back.
        fails(PortraitException.class, "nowhere \uD83D\uDE00.safetensors", () -> {
            try (Engine none = Engine.open("nowhere \uD83D\uDE00.safetensors", null)) {
                none.await(-1);
            }
        });
        fails(PortraitException.class, "`precision` is 9", () -> Engine.open(new Engine.Options().weights("x").precision(9)));
        fails(PortraitException.class, "nobody's GPU", () -> {
            try (Engine none = Engine.open(new Engine.Options().weights(arguments[0]).adapter("nobody's GPU"))) {
                none.info();
            }
        });
        ByteBuffer weights = read(arguments[0]);
        Engine engine = Engine.open(new Engine.Options().weights(weights).preset("s").precision(Engine.PRECISION_F32));
        float heard = 0;
        while (!engine.await(10)) {
            Engine.Progress now = engine.progress();
            check(now.done >= heard && now.done <= 1, "progress " + now.done);
            heard = now.done;
        }
        check(engine.progress().done == 1 && engine.progress().next.equals("ready"), "ready");
        Engine.Info info = engine.info();
        System.out.println("adapter: " + info.adapter + " (" + info.backend + ", " + info.driver + ")");
        check(info.preset.equals("s") && info.precision == Engine.PRECISION_F32, "preset and precision");
        check(info.weights.length() == 64 && info.largestSide >= 4096, "weights and sizes");
        check(info.warnings.isEmpty(), "nothing is gone around: " + info.warnings);
        check(engine.selfTest().length == 0, "every pipeline computes what it should");

        ByteBuffer grey = ByteBuffer.allocateDirect(4 * 64 * 64);
        fails(PortraitException.class, "no face", () -> Avatar.prepare(engine, grey, 64, 64, new Avatar.Options()));
        fails(PortraitException.class, "do not fit", () -> Avatar.prepare(engine, grey, 65, 64, new Avatar.Options()));
        ByteBuffer heap = ByteBuffer.allocate(16);
        fails(IllegalArgumentException.class, "direct", () -> Avatar.prepare(engine, heap, 2, 2, new Avatar.Options()));
        // From position to limit, as Java's own calls read buffers.
        grey.position(4);
        fails(PortraitException.class, "do not fit in 16380 bytes", () -> Avatar.prepare(engine, grey, 64, 64, new Avatar.Options()));
        grey.position(0).limit(16);
        fails(PortraitException.class, "do not fit in 16 bytes", () -> Avatar.prepare(engine, grey, 64, 64, new Avatar.Options()));
        ByteBuffer within = ByteBuffer.allocateDirect(photo.capacity() + 9);
        within.position(9);
        within.put(photo.duplicate()).position(9);
        Avatar.prepare(engine, within, photoSide, photoSide, new Avatar.Options().largestFace()).close();
        Avatar made = Avatar.prepare(engine, photo, photoSide, photoSide, new Avatar.Options().largestFace());
        byte[] stored = made.toBytes();
        made.close();
        made.close();
        fails(PortraitException.class, "this avatar was released", made::toBytes);
        Avatar avatar = Avatar.fromBytes(stored);
        stored[stored.length / 2] ^= 1;
        fails(PortraitException.class, "damaged", () -> Avatar.fromBytes(stored));
        check(avatar.side() == 256 && avatar.faceSize() > 20, "the avatar's sizes");

        // Which face, and all of the photo.
        Avatar.Options there = new Avatar.Options().faceAt(photoSide / 2f, photoSide / 2f);
        try (Avatar same = Avatar.prepare(engine, photo, photoSide, photoSide, there);
                Avatar whole = Avatar.prepare(engine, photo, photoSide, photoSide, new Avatar.Options().centreSquare())) {
            check(Math.abs(same.faceSize() - avatar.faceSize()) < 1, "the only face is the nearest");
            check(whole.side() == 256, "all of the photo");
        }

        Session.Motion motion = new Session.Motion();
        motion.strength = -1;
        Session.Options wrong = new Session.Options().motion(motion);
        fails(PortraitException.class, "`strength` is -1", () -> Session.open(engine, avatar, wrong));
        motion.strength = 1;
        Session.Options still = new Session.Options().frames(driverSide, driverSide).motion(motion);
        Session session = Session.open(engine, avatar, still);
        motion.mouthGain = 11;
        fails(PortraitException.class, "`mouth_gain` is 11", () -> session.setMotion(motion));
        motion.mouthGain = 1;
        motion.absolute = motion.raw = true;
        session.setMotion(motion);
        ByteBuffer picture = ByteBuffer.allocateDirect(4 * 256 * 256), other = ByteBuffer.allocateDirect(4 * 256 * 256);
        check(session.takePicture(picture, 0) == -1, "no picture yet");
        Frame frame = Frame.rgba(driver, driverSide, driverSide, 4 * driverSide);
        long clock = 0;
        for (int i = 0; i < 4; i++) {
            take(session, frame, picture, clock += 40_000_000);
        }
        ByteBuffer small = ByteBuffer.allocateDirect(10);
        session.push(frame.at(clock += 40_000_000));
        fails(PortraitException.class, "does not fit in 10 bytes", () -> session.takePicture(small, 120_000));
        check(session.takePicture(other, 0) == clock, "the picture stays");
        for (boolean redFirst : new boolean[] {false, true}) {
            take(session, yuv(driver, driverSide, redFirst), other, clock += 40_000_000);
            System.out.printf("YUV_420_888, red first %b: %.2f of 255 from RGBA%n", redFirst, difference(picture, other));
            check(difference(picture, other) < 2, "the same driver");
        }
        ByteBuffer swapped = ByteBuffer.allocateDirect(driver.capacity());
        for (int i = 0; i < driver.capacity(); i++) {
            swapped.put(i, driver.get(i % 4 == 3 ? i : i / 4 * 4 + 2 - i % 4));
        }
        take(session, Frame.bgra(swapped, driverSide, driverSide, 4 * driverSide), other, clock += 40_000_000);
        check(difference(picture, other) < 2, "the same driver, blue first");
        Frame dim = yuv(driver, driverSide, false);
        fails(PortraitException.class, "`colour` is 4", () -> session.push(dim.colour(4)));
        take(session, dim.colour(Frame.BT709), other, clock += 40_000_000);
        ByteBuffer apart = ByteBuffer.allocateDirect(driver.capacity());
        Frame odd = Frame.yuv420(apart, driverSide, driver, apart, driverSide, 2, driverSide, driverSide);
        fails(PortraitException.class, "`format` is 100", () -> session.push(odd));
        fails(PortraitException.class, "`rotation` is 30", () -> session.push(frame.rotated(30)));
        frame.rotated(0);

        session.pause();
        session.push(frame);
        check(session.status().paused && session.status().dropped > 0, "paused");
        session.resume();
        session.trim(Session.TRIM_PIPELINES);
        check(!session.status().open, "given back");
        session.setThermal(2);
        take(session, frame, other, clock += 40_000_000);
        Session.Status status = session.status();
        check(status.open && status.face && status.latency > 0 && !status.surface, "open again");
        check(status.latencyP50 > 0 && status.latencyP95 >= status.latencyP50 && status.rate > 0, "percentiles and rate");
        check(status.score > 0.5 && status.score <= 1, "score " + status.score);
        check(status.region[2] > 0.2 * driverSide && status.region[2] < 2 * driverSide, "side of the face " + status.region[2]);
        check(Math.abs(status.region[0] - 0.5 * driverSide) < 0.5 * driverSide, "place of the face " + status.region[0]);
        long stages = java.util.Arrays.stream(status.gpuStages).sum();
        check(status.gpu == 0 ? stages == 0 : stages > 0.5 * status.gpu && stages < 1.5 * status.gpu, "stages " + stages + " of " + status.gpu);
        session.recalibrate();
        fails(PortraitException.class, "`thermal` is 9", () -> session.setThermal(9));
        fails(PortraitException.class, "`surface` is null", () -> session.surfaceCreated(null, 1, 1, false));
        session.surfaceChanged(5, 5);
        session.surfaceDestroyed();

        // Exceptions by the thousand hold no references.
        Session.Status before = session.status();
        for (int i = 0; i < 20_000; i++) {
            fails(PortraitException.class, "`trim` is 7", () -> session.trim(7));
        }
        check(session.status().pictures == before.pictures, "nothing happened");

        clock = Borrowed.run(session, driver, driverSide, clock);
        engine.close();
        avatar.close();
        take(session, frame, other, clock += 40_000_000);
        session.close();
        session.close();
        fails(PortraitException.class, "this session was released", session::pause);
        check(!session.push(frame), "a camera that goes on for a moment does not end the app");
        try {
            session.pause();
        } catch (PortraitException error) {
            check(error.status() == PortraitException.RELEASED, "the number of it");
        }
        Borrowed.closed(session, frame);
        Following.run(photo, photoSide, frame, driverSide);
        gaveUp(arguments[0]);
        System.out.println("scenario: every call did what it says");
    }
}
