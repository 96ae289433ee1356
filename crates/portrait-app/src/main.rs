//! The program `portrait`: animates a portrait photo with a video, a camera or speech.
//!
//! One file per subcommand; what they share is in `engine` (choosing a device), `source` (photo or
//! avatar), `driver` (a clip, a recorded motion or speech, which is `voice`), `framing` (what pictures show, which face),
//! `motion_options` (how motion is taken over), `output` (names that may be written to), `compare` (the picture of
//! several moments), `console` (what goes to which stream) and `interrupt` (Ctrl-C).

mod animate;
mod compare;
mod console;
mod doctor;
mod driver;
mod engine;
mod framing;
mod info;
mod interrupt;
mod live;
mod motion_options;
mod output;
mod pose;
mod prepare;
mod report;
mod source;
mod voice;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Animates a portrait photo with the motion of a face in a video, or with speech, on any Vulkan or Metal GPU.
#[derive(Debug, Parser)]
#[command(name = "portrait", version, after_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  portrait live me.jpg
  portrait animate me.jpg --drive talk.mp4 -o me-talking.mp4
  portrait animate me.jpg --drive speech.wav -o me-saying-it.mp4
  portrait pose me.jpg --yaw 15 --smile 0.6 -o me-smiling.png
  portrait doctor";

#[derive(Debug, Subcommand)]
enum Command {
    Animate(animate::Animate),
    Live(live::Live),
    Pose(pose::Pose),
    Prepare(prepare::Prepare),
    Info(info::Info),
    Doctor(doctor::Doctor),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Animate(task) => task.run(),
        Command::Live(task) => task.run(),
        Command::Pose(task) => task.run(),
        Command::Prepare(task) => task.run(),
        Command::Info(task) => task.run(),
        Command::Doctor(task) => task.run(),
    };
    done.unwrap_or_else(|error| {
        console::error(&error);
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn arguments_are_consistent() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn the_readme_shows_the_example() {
        let example = include_str!("../examples/library.rs");
        let shown = example.split("    // README\n").nth(1).expect("two marks");
        let shown: Vec<&str> = shown.lines().map(|line| line.strip_prefix("    ").unwrap_or(line)).collect();
        assert!(shown.len() < 15, "{} lines", shown.len());
        let readme = include_str!("../../../README.md");
        assert!(readme.contains(&shown.join("\n")), "README.md shows another example than examples/library.rs");
    }

    #[test]
    fn every_help_shows_an_example() {
        let mut cli = super::Cli::command();
        assert!(cli.render_long_help().to_string().contains("Example"));
        for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example") && help.contains(&format!("portrait {}", command.get_name())), "{help}");
        }
    }
}
