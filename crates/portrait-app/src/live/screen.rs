//! What a window has to do next: drawing, waiting, or putting right what was lost. Decides; touches no GPU.

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The window has this size in pixels; zero while it is minimised on some systems.
    Resized([u32; 2]),
    /// It is covered, or no longer.
    Hidden(bool),
    /// It is minimised, or no longer.
    Minimised(bool),
    /// A frame was shown.
    Shown,
    /// The surface's settings no longer fit the window.
    Outdated,
    /// The surface was configured.
    Configured,
    /// The surface is gone.
    SurfaceLost,
    /// There is a new surface.
    SurfaceMade,
    /// The device is gone.
    DeviceLost,
    /// No device can be opened now.
    DeviceRefused,
    /// There is a new device, without a surface.
    DeviceMade,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Draw and show the newest picture.
    Draw,
    /// Nothing; what is shown stays.
    Wait,
    /// Configure the surface.
    Configure,
    /// Make a new surface.
    MakeSurface,
    /// Open a new device.
    OpenDevice,
    /// End, with an error: nothing helps.
    GiveUp,
}

/// Losses and refusals without a frame between them after which nothing helps.
const PATIENCE: u32 = 5;

/// State of a window's way to the screen. Starts with a device and a surface that is not configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    size: [u32; 2],
    hidden: bool,
    minimised: bool,
    device: bool,
    surface: bool,
    configured: bool,
    losses: u32,
}

impl Screen {
    pub(crate) fn new(size: [u32; 2]) -> Self {
        Self { size, hidden: false, minimised: false, device: true, surface: true, configured: false, losses: 0 }
    }

    pub(crate) fn size(&self) -> [u32; 2] {
        self.size
    }

    /// Whether nobody can see it.
    pub(crate) fn hidden(&self) -> bool {
        self.hidden || self.minimised || self.size.contains(&0)
    }

    pub(crate) fn minimised(&self) -> bool {
        self.minimised
    }

    pub(crate) fn on(&mut self, event: Event) {
        match event {
            Event::Resized(size) => {
                self.configured &= size == self.size;
                self.size = size;
            }
            Event::Hidden(hidden) => self.hidden = hidden,
            Event::Minimised(minimised) => self.minimised = minimised,
            Event::Shown => self.losses = 0,
            Event::Outdated => {
                self.configured = false;
                self.losses += 1;
            }
            Event::Configured => self.configured = true,
            Event::SurfaceLost => {
                (self.surface, self.configured) = (false, false);
                self.losses += 1;
            }
            Event::SurfaceMade => (self.surface, self.configured) = (true, false),
            Event::DeviceLost => {
                (self.device, self.surface, self.configured) = (false, false, false);
                self.losses += 1;
            }
            Event::DeviceRefused => self.losses += 1,
            Event::DeviceMade => self.device = true,
        }
    }

    pub(crate) fn next(&self) -> Action {
        match self {
            Self { losses, .. } if *losses > PATIENCE => Action::GiveUp,
            Self { device: false, .. } => Action::OpenDevice,
            _ if self.hidden() => Action::Wait,
            Self { surface: false, .. } => Action::MakeSurface,
            Self { configured: false, .. } => Action::Configure,
            _ => Action::Draw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(events: &[Event]) -> Action {
        let mut screen = Screen::new([640, 480]);
        events.iter().for_each(|event| screen.on(*event));
        screen.next()
    }

    #[test]
    fn it_configures_before_it_draws() {
        assert_eq!(after(&[]), Action::Configure);
        assert_eq!(after(&[Event::Configured]), Action::Draw);
        assert_eq!(after(&[Event::Configured, Event::Resized([640, 480])]), Action::Draw);
        assert_eq!(after(&[Event::Configured, Event::Resized([800, 480])]), Action::Configure);
        assert_eq!(after(&[Event::Configured, Event::Outdated]), Action::Configure);
    }

    #[test]
    fn it_waits_while_nobody_can_see_it() {
        let seen = [Event::Configured, Event::Hidden(true), Event::Hidden(false)];
        assert_eq!((after(&seen[..2]), after(&seen)), (Action::Wait, Action::Draw));
        let small = [Event::Configured, Event::Resized([0, 0]), Event::Resized([640, 480])];
        assert_eq!((after(&small[..2]), after(&small)), (Action::Wait, Action::Configure));
        // Each of two reasons is one: a minimised window may be said to be covered, and no longer, meanwhile.
        let seen = [Event::Configured, Event::Minimised(true), Event::Hidden(false), Event::Minimised(false)];
        assert_eq!([2, 3, 4].map(|n| after(&seen[..n])), [Action::Wait, Action::Wait, Action::Draw]);
        // What was lost meanwhile is put right first.
        assert_eq!(after(&[Event::Hidden(true), Event::DeviceLost]), Action::OpenDevice);
    }

    #[test]
    fn a_window_of_one_pixel_is_drawn() {
        let tiny = [Event::Configured, Event::Resized([1, 1]), Event::Configured, Event::Shown, Event::Resized([1, 0])];
        assert_eq!(
            [1, 2, 3, 4].map(|n| after(&tiny[..n])),
            [Action::Draw, Action::Configure, Action::Draw, Action::Draw]
        );
        assert_eq!(after(&tiny), Action::Wait);
        // Back at the size before it still has to be configured: the surface may have followed the window.
        let back = [Event::Configured, Event::Resized([1, 1]), Event::Resized([640, 480])];
        assert_eq!(after(&back), Action::Configure);
    }

    #[test]
    fn what_is_lost_is_made_again_in_order() {
        let surface = [Event::Configured, Event::SurfaceLost, Event::SurfaceMade, Event::Configured];
        let steps: Vec<Action> = (1..=4).map(|n| after(&surface[..n])).collect();
        assert_eq!(steps, [Action::Draw, Action::MakeSurface, Action::Configure, Action::Draw]);
        let device = [Event::Configured, Event::DeviceLost, Event::DeviceMade, Event::SurfaceMade, Event::Configured];
        let steps: Vec<Action> = (1..=5).map(|n| after(&device[..n])).collect();
        let wanted = [Action::Draw, Action::OpenDevice, Action::MakeSurface, Action::Configure, Action::Draw];
        assert_eq!(steps, wanted);
    }

    #[test]
    fn a_device_that_cannot_be_opened_is_tried_again_before_it_gives_up() {
        let mut screen = Screen::new([640, 480]);
        screen.on(Event::DeviceLost);
        for _ in 0..PATIENCE {
            assert_eq!(screen.next(), Action::OpenDevice);
            screen.on(Event::DeviceRefused);
        }
        assert_eq!(screen.next(), Action::GiveUp);
        let there = [Event::DeviceLost, Event::DeviceRefused, Event::DeviceMade, Event::SurfaceMade];
        assert_eq!(after(&there), Action::Configure);
    }

    #[test]
    fn it_gives_up_when_nothing_helps() {
        let mut screen = Screen::new([640, 480]);
        for _ in 0..PATIENCE {
            screen.on(Event::DeviceLost);
            assert_eq!(screen.next(), Action::OpenDevice);
            screen.on(Event::DeviceMade);
            screen.on(Event::SurfaceMade);
        }
        let mut lucky = screen;
        screen.on(Event::SurfaceLost);
        assert_eq!(screen.next(), Action::GiveUp);
        // A frame between losses starts the count anew.
        lucky.on(Event::Shown);
        lucky.on(Event::SurfaceLost);
        assert_eq!(lucky.next(), Action::MakeSurface);
    }
}
