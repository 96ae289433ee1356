//! A screen of its own for each test, without hardware: Xvfb, looked at and typed on through X11. The test itself does what a window
//! manager would.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use portrait_media::Picture;
use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ChangeWindowAttributesAux, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _,
    CreateWindowAux, EventMask, ImageFormat, InputFocus, PropMode, SELECTION_NOTIFY_EVENT, SelectionNotifyEvent,
    Window, WindowClass,
};
use x11rb::protocol::xtest::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

/// How long anything may take: software drivers on busy machines are slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);

/// Size of the screen.
pub(crate) const SCREEN: [u16; 2] = [1280, 800];

/// X11's numbers of keys that are no characters.
pub(crate) const ESCAPE: u32 = 0xff1b;
pub(crate) const CONTROL: u32 = 0xffe3;
const SHIFT: u32 = 0xffe1;

/// X11's numbers of what a pointer does.
pub(crate) const MOVED: u8 = 6;
pub(crate) const PRESSED: u8 = 4;
pub(crate) const RELEASED: u8 = 5;

pub(crate) struct Screen {
    xvfb: Child,
    name: String,
    connection: RustConnection,
    root: Window,
}

impl Screen {
    /// `None` (printed) where Xvfb is not installed, which is a failure with `PORTRAIT_REQUIRE_GPU=1`.
    pub(crate) fn open() -> Option<Self> {
        Self::with_depth(24)
    }

    /// [`Screen::open`] with pixels of so many bits.
    pub(crate) fn with_depth(bits: u8) -> Option<Self> {
        let [width, height] = SCREEN;
        let size = format!("{width}x{height}x{bits}");
        let arguments = ["-displayfd", "1", "-screen", "0", &size, "-nolisten", "tcp"];
        let spawned = Command::new("Xvfb").args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let Ok(mut xvfb) = spawned else {
            assert!(std::env::var("PORTRAIT_REQUIRE_GPU").as_deref() != Ok("1"), "Xvfb is not installed");
            println!("SKIP: Xvfb is not installed");
            return None;
        };
        let mut number = String::new();
        BufReader::new(xvfb.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let name = format!(":{}", number.trim());
        let (connection, _) = x11rb::connect(Some(&name)).unwrap();
        let root = connection.setup().roots[0].root;
        let events = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
        connection.change_window_attributes(root, &events).unwrap().check().unwrap();
        Some(Self { xvfb, name, connection, root })
    }

    /// What `DISPLAY` has to say for programs to come here.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The window whose title starts like this, with the keyboard's focus.
    pub(crate) fn window(&self, title: &str) -> Window {
        let window = eventually("a window", || {
            let children = self.connection.query_tree(self.root).unwrap().reply().unwrap().children;
            let shown = |&window: &Window| {
                let attributes = self.connection.get_window_attributes(window).ok()?.reply().ok()?;
                (u8::from(attributes.map_state) == 2 && self.title(window).starts_with(title)).then_some(window)
            };
            children.iter().find_map(shown)
        });
        self.connection.set_input_focus(InputFocus::PARENT, window, 0u32).unwrap().check().unwrap();
        window
    }

    pub(crate) fn title(&self, window: Window) -> String {
        let (name, text) = (AtomEnum::WM_NAME, AtomEnum::ANY);
        let reply = self.connection.get_property(false, window, name, text, 0, 1000).unwrap().reply();
        reply.map(|reply| String::from_utf8_lossy(&reply.value).into_owned()).unwrap_or_default()
    }

    /// Presses and releases a key: a character, or one of the numbers above.
    pub(crate) fn key(&self, symbol: u32) {
        match (self.code(symbol, 0), self.code(symbol, 1)) {
            (Some(code), _) => self.presses(&[code]),
            (None, code) => self.presses(&[self.code(SHIFT, 0).unwrap(), code.expect("a key of the keyboard")]),
        }
    }

    /// Presses the key of a character while another is held.
    pub(crate) fn chord(&self, held: u32, character: char) {
        self.presses(&[held, u32::from(character)].map(|symbol| self.code(symbol, 0).unwrap()));
    }

    /// The number of the key that has this in a column of the keyboard's table.
    fn code(&self, symbol: u32, column: usize) -> Option<u8> {
        let setup = self.connection.setup();
        let (first, count) = (setup.min_keycode, setup.max_keycode - setup.min_keycode + 1);
        let mapping = self.connection.get_keyboard_mapping(first, count).unwrap().reply().unwrap();
        let mut keys = mapping.keysyms.chunks(usize::from(mapping.keysyms_per_keycode));
        keys.position(|symbols| symbols.get(column) == Some(&symbol)).map(|position| first + position as u8)
    }

    /// Presses these in order, and releases them.
    fn presses(&self, codes: &[u8]) {
        let [pressed, released] = [2, 3];
        let press = |kind, code| self.connection.xtest_fake_input(kind, code, 0, self.root, 0, 0, 0).unwrap();
        codes.iter().for_each(|&code| drop(press(pressed, code)));
        codes.iter().rev().for_each(|&code| drop(press(released, code)));
        self.connection.sync().unwrap();
    }

    /// Clicks at a place of the screen.
    pub(crate) fn clicks(&self, at: [i16; 2]) {
        [MOVED, PRESSED, RELEASED].iter().for_each(|&kind| self.points(kind, at));
    }

    /// One thing that the pointer does at a place of the screen.
    pub(crate) fn points(&self, kind: u8, [x, y]: [i16; 2]) {
        let button = u8::from(kind != MOVED);
        self.connection.xtest_fake_input(kind, button, 0, self.root, x, y, 0).unwrap();
        self.connection.sync().unwrap();
    }

    /// Presses the key of a character.
    pub(crate) fn types(&self, character: char) {
        self.key(u32::from(character));
    }

    /// What is on the screen.
    pub(crate) fn shot(&self) -> Picture {
        let [width, height] = SCREEN;
        let image = self.connection.get_image(ImageFormat::Z_PIXMAP, self.root, 0, 0, width, height, !0).unwrap();
        let bgrx = image.reply().unwrap().data;
        let rgba = bgrx.as_chunks::<4>().0.iter().flat_map(|&[b, g, r, _]| [r, g, b, 255]).collect();
        Picture::new(width.into(), height.into(), rgba).unwrap()
    }

    /// How many dots an inch it has, as desktops note it for all programs. They tell them to look through a service of theirs;
    /// here a note of the window itself does.
    pub(crate) fn set_resolution(&self, window: Window, dots: u32) {
        let (name, kind, text) = (AtomEnum::RESOURCE_MANAGER, AtomEnum::STRING, format!("Xft.dpi:\t{dots}\n"));
        for noted in [self.root, window] {
            let done = self.connection.change_property8(PropMode::REPLACE, noted, name, kind, text.as_bytes());
            done.unwrap().check().unwrap();
        }
    }

    /// Destroys a window, which its own program does not expect.
    pub(crate) fn destroy(&self, window: Window) {
        self.connection.destroy_window(window).unwrap();
        self.connection.flush().unwrap();
    }

    pub(crate) fn resize(&self, window: Window, [width, height]: [u16; 2]) {
        let size = ConfigureWindowAux::new().x(0).y(0).width(u32::from(width)).height(u32::from(height));
        self.connection.configure_window(window, &size).unwrap().check().unwrap();
    }

    /// Minimises, as window managers do it, or shows again.
    pub(crate) fn show(&self, window: Window, shown: bool) {
        let done = if shown { self.connection.map_window(window) } else { self.connection.unmap_window(window) };
        done.unwrap().check().unwrap();
        if shown {
            self.connection.set_input_focus(InputFocus::PARENT, window, 0u32).unwrap().check().unwrap();
        }
    }

    fn atom(&self, name: &str) -> Atom {
        self.connection.intern_atom(false, name.as_bytes()).unwrap().reply().unwrap().atom
    }

    /// Drops a file on the window, as file managers do (XDND).
    pub(crate) fn drop_file(&self, window: Window, file: &Path) {
        let connection = &self.connection;
        let atom = |name: &str| self.atom(name);
        let (selection, list) = (atom("XdndSelection"), atom("text/uri-list"));
        let source = connection.generate_id().unwrap();
        let (class, aux) = (WindowClass::INPUT_OUTPUT, CreateWindowAux::new());
        connection.create_window(0, source, self.root, 0, 0, 1, 1, 0, class, 0, &aux).unwrap().check().unwrap();
        connection.set_selection_owner(source, selection, 0u32).unwrap().check().unwrap();
        let send = |name: &'static str, [a, b, c, d]: [u32; 4]| {
            let message = ClientMessageEvent::new(32, window, atom(name), [source, a, b, c, d]);
            connection.send_event(false, window, EventMask::NO_EVENT, message).unwrap().check().unwrap();
        };
        const VERSION: u32 = 5;
        let copy = atom("XdndActionCopy");
        send("XdndEnter", [VERSION << 24, list, 0, 0]);
        send("XdndPosition", [0, 100 << 16 | 100, 0, copy]);
        let request = eventually("a wish for what is dropped", || {
            loop {
                match connection.poll_for_event().unwrap()? {
                    Event::SelectionRequest(request) if request.selection == selection => break Some(request),
                    _ => {}
                }
            }
        });
        let names = format!("file://{}\r\n", file.display());
        let (requestor, property) = (request.requestor, request.property);
        connection.change_property8(PropMode::REPLACE, requestor, property, list, names.as_bytes()).unwrap();
        let notice = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor,
            selection,
            target: request.target,
            property,
        };
        connection.send_event(false, requestor, EventMask::NO_EVENT, notice).unwrap().check().unwrap();
        send("XdndDrop", [0, 0, 0, 0]);
    }

    /// Waits until the window asks to fill the screen, or not to any longer, and lets it.
    pub(crate) fn grant_full_screen(&self, window: Window, before: [u16; 2]) {
        let atom = |name| self.atom(name);
        let (state, full) = (atom("_NET_WM_STATE"), atom("_NET_WM_STATE_FULLSCREEN"));
        let wanted = eventually("a wish for the full screen", || {
            loop {
                match self.connection.poll_for_event().unwrap()? {
                    Event::ClientMessage(message) if message.type_ == state => {
                        let [action, first, second, ..] = message.data.as_data32();
                        if [first, second].contains(&full) {
                            break Some(action == 1);
                        }
                    }
                    _ => {}
                }
            }
        });
        let states: &[Atom] = if wanted { &[full] } else { &[] };
        self.connection.change_property32(PropMode::REPLACE, window, state, AtomEnum::ATOM, states).unwrap();
        self.resize(window, if wanted { SCREEN } else { before });
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.xvfb.kill();
        let _ = self.xvfb.wait();
    }
}

/// Waits until there is something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{what}: nothing in {PATIENCE:?}");
}
