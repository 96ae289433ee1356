//! The hosts' windows show a portrait that moves, at any size: on a screen without hardware (Xvfb).

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::xproto::{ConfigureWindowAux, ConnectionExt, ImageFormat, Window};

const SCREEN: [u16; 2] = [1024, 768];
/// How long anything may take: software drivers on busy machines are slow.
const PATIENCE: Duration = Duration::from_secs(300);

/// A process that does not outlive the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a GPU is needed, or tests that find none may be skipped.
fn required() -> bool {
    std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() == Ok("1")
}

/// How many colours a part of the screen shows, and all of it.
fn shot(connection: &impl Connection, root: Window, [width, height]: [u16; 2]) -> (usize, Vec<u8>) {
    let image = connection.get_image(ImageFormat::Z_PIXMAP, root, 0, 0, width, height, !0);
    let pixels = image.expect("asks").reply().expect("a picture").data;
    let colours: std::collections::HashSet<&[u8]> = pixels.chunks(4).collect();
    (colours.len(), pixels)
}

#[test]
fn the_portrait_moves_in_a_window_that_the_host_draws() {
    moves_at_any_size(env!("CARGO_BIN_EXE_host-window"));
}

#[test]
fn the_portrait_moves_in_a_window_that_the_session_draws() {
    moves_at_any_size(env!("CARGO_BIN_EXE_live-window"));
}

fn moves_at_any_size(program: &str) {
    if pollster::block_on(portrait_runtime::adapters()).is_empty() {
        assert!(!required(), "no adapter");
        return println!("SKIP: no adapter");
    }
    let [width, height] = SCREEN;
    let arguments = ["-displayfd", "1", "-screen", "0", &format!("{width}x{height}x24"), "-nolisten", "tcp"];
    let Ok(child) = Command::new("Xvfb").args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn() else {
        assert!(!required(), "Xvfb is not installed");
        return println!("SKIP: Xvfb is not installed");
    };
    let mut xvfb = Running(child);
    let mut number = String::new();
    BufReader::new(xvfb.0.stdout.take().expect("a pipe")).read_line(&mut number).expect("a number");
    let display = format!(":{}", number.trim());
    let (connection, _) = x11rb::connect(Some(&display)).expect("connects");
    let root = connection.setup().roots[0].root;

    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets");
    let mut command = Command::new(program);
    command.args([assets.join("astronaut.png"), assets.join("driver.mp4")]);
    command.env("DISPLAY", &display).env_remove("WAYLAND_DISPLAY").env_remove("WAYLAND_SOCKET");
    let mut host = Running(command.spawn().expect("starts"));
    let mut eventually = |what: &str, is: &dyn Fn() -> bool| {
        let start = Instant::now();
        while !is() {
            assert!(host.0.try_wait().expect("a state").is_none(), "{what}: the host has ended");
            assert!(start.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    // A photo has many colours; an empty window has few.
    let many = 2000;
    eventually("a picture", &|| shot(&connection, root, SCREEN).0 > many);
    let (_, first) = shot(&connection, root, SCREEN);
    eventually("the portrait moves", &|| shot(&connection, root, SCREEN).1 != first);

    let small = [300, 400];
    let children = connection.query_tree(root).expect("asks").reply().expect("windows").children;
    let size = ConfigureWindowAux::new().x(0).y(0).width(u32::from(small[0])).height(u32::from(small[1]));
    children.iter().for_each(|&window| drop(connection.configure_window(window, &size)));
    connection.flush().expect("sent");
    eventually("a smaller window", &|| {
        let (_, pixels) = shot(&connection, root, SCREEN);
        let black = |&[b, g, r, _]: &[u8; 4]| [b, g, r] == [0; 3];
        let row = pixels.as_chunks::<4>().0.chunks(usize::from(width)).nth(usize::from(small[1]) + 100);
        row.expect("a row").iter().all(black) && shot(&connection, root, small).0 > many
    });
    let (_, first) = shot(&connection, root, small);
    eventually("it moves there", &|| shot(&connection, root, small).1 != first);
}
