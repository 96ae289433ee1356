//! Keys and what they do.

use winit::keyboard::{Key, KeyCode, NamedKey, PhysicalKey};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Keys,
    Hide,
    Hold,
    Calibrate,
    Mode,
    View,
    Preset,
    Photo,
    Face,
    Driver,
    DriverFace,
    OpenPhoto,
    OpenBackground,
    OpenDriver,
    Mirror,
    Screenshot,
    Video,
    Motion,
    FullScreen,
    Leave,
}

/// All keys, as they are listed to the user.
pub(crate) const KEYS: [(&str, &str, Deed); 20] = [
    ("?", "this list", Deed::Keys),
    ("H", "hide or show everything but the picture", Deed::Hide),
    ("Space", "hold the pose, and go on", Deed::Hold),
    ("C", "take this pose as the neutral one", Deed::Calibrate),
    ("A", "relative or absolute motion", Deed::Mode),
    ("V", "square, whole photo, or person alone", Deed::View),
    ("P", "next preset", Deed::Preset),
    ("N", "next photo", Deed::Photo),
    ("G", "next face of a group photo, and all of them", Deed::Face),
    ("D", "next driver: what was given, cameras, idle motion", Deed::Driver),
    ("T", "next face in front of the camera", Deed::DriverFace),
    ("O", "open a photo", Deed::OpenPhoto),
    ("B", "open a picture for behind the person", Deed::OpenBackground),
    ("L", "open a clip or a motion that drives", Deed::OpenDriver),
    ("X", "mirror the driver", Deed::Mirror),
    ("S", "save a picture", Deed::Screenshot),
    ("R", "record a video, and end it", Deed::Video),
    ("M", "record the motion, and end it", Deed::Motion),
    ("F", "full screen", Deed::FullScreen),
    ("Esc", "leave full screen; quit", Deed::Leave),
];

/// Where the letters among them are on a keyboard with Latin ones.
const PLACES: [(KeyCode, &str); 17] = [
    (KeyCode::KeyA, "A"),
    (KeyCode::KeyB, "B"),
    (KeyCode::KeyC, "C"),
    (KeyCode::KeyD, "D"),
    (KeyCode::KeyF, "F"),
    (KeyCode::KeyG, "G"),
    (KeyCode::KeyH, "H"),
    (KeyCode::KeyL, "L"),
    (KeyCode::KeyM, "M"),
    (KeyCode::KeyN, "N"),
    (KeyCode::KeyO, "O"),
    (KeyCode::KeyP, "P"),
    (KeyCode::KeyR, "R"),
    (KeyCode::KeyS, "S"),
    (KeyCode::KeyT, "T"),
    (KeyCode::KeyV, "V"),
    (KeyCode::KeyX, "X"),
];

/// What a key does, if anything. Where it writes another alphabet's letter, its place counts.
pub(crate) fn deed(key: &Key, place: PhysicalKey) -> Option<Deed> {
    let name = match key {
        Key::Named(NamedKey::Space) => "Space".to_owned(),
        Key::Named(NamedKey::Escape) => "Esc".to_owned(),
        Key::Named(NamedKey::F11) => "F".to_owned(),
        Key::Character(text) if text.is_ascii() => text.to_ascii_uppercase(),
        Key::Character(_) => PLACES.iter().find(|(code, _)| place == *code).map(|(_, letter)| (*letter).to_owned())?,
        _ => return None,
    };
    KEYS.iter().find(|(key, ..)| *key == name).map(|(.., deed)| *deed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_does_its_own() {
        for (i, (key, _, deed_of)) in KEYS.iter().enumerate() {
            assert!(KEYS[..i].iter().all(|(other, _, deed)| other != key && deed != deed_of), "{key}");
        }
        let deed = |key: &Key| super::deed(key, PhysicalKey::Code(KeyCode::KeyQ));
        let character = |text: &str| deed(&Key::Character(text.into()));
        assert_eq!(
            [character("h"), character("H"), character("?")],
            [Some(Deed::Hide), Some(Deed::Hide), Some(Deed::Keys)]
        );
        assert_eq!(character("é"), None);
        assert_eq!(deed(&Key::Named(NamedKey::F11)), Some(Deed::FullScreen));
        assert_eq!(deed(&Key::Named(NamedKey::Escape)), Some(Deed::Leave));
        assert_eq!(deed(&Key::Named(NamedKey::Tab)), None);
    }

    #[test]
    fn letters_of_other_alphabets_count_by_their_place() {
        let at = |text: &str, code| deed(&Key::Character(text.into()), PhysicalKey::Code(code));
        assert_eq!(at("р", KeyCode::KeyH), Some(Deed::Hide));
        assert_eq!(at("Ρ", KeyCode::KeyR), Some(Deed::Video));
        // A Latin letter is itself wherever it is.
        assert_eq!(at("m", KeyCode::Semicolon), Some(Deed::Motion));
        assert_eq!(at(",", KeyCode::KeyM), None);
        assert_eq!(at("é", KeyCode::Digit2), None);
        for (key, _, wanted) in KEYS.iter().filter(|(key, ..)| key.chars().all(char::is_alphabetic) && key.len() == 1) {
            let (code, _) = PLACES.iter().find(|(_, letter)| letter == key).expect("its place");
            assert_eq!(at("ж", *code), Some(*wanted));
        }
    }
}
