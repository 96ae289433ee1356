//! What a face is to do, without a driver: a turn of the head, ARKit's expressions, and lips that speak.

use crate::avatar::Avatar;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::motion::Points;
use crate::speech::Lips;
use glam::Mat3;

/// A turn of the head, the strength of each expression and what speech does to the mouth; all zero is the photo itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    /// Turn in degrees towards the picture's right; believable up to about 20.
    pub yaw: f32,
    /// Turn in degrees upwards.
    pub pitch: f32,
    /// Tilt in degrees, clockwise in the picture.
    pub roll: f32,
    /// Strength of each of [`Expression::NAMES`], 0..=1.
    pub weights: [f32; 52],
    /// What is said, of [`crate::Speech`].
    pub lips: Lips,
}

impl Default for Expression {
    fn default() -> Self {
        Self { yaw: 0.0, pitch: 0.0, roll: 0.0, weights: [0.0; 52], lips: Lips::default() }
    }
}

impl Expression {
    /// ARKit's names, in MediaPipe's order. Left is the person's left. Cheeks (`cheek…`, `noseSneer…`) are part of the list and move no
    /// point: the points do not show them.
    pub const NAMES: [&'static str; 52] = [
        "neutral",
        "browDownLeft",
        "browDownRight",
        "browInnerUp",
        "browOuterUpLeft",
        "browOuterUpRight",
        "cheekPuff",
        "cheekSquintLeft",
        "cheekSquintRight",
        "eyeBlinkLeft",
        "eyeBlinkRight",
        "eyeLookDownLeft",
        "eyeLookDownRight",
        "eyeLookInLeft",
        "eyeLookInRight",
        "eyeLookOutLeft",
        "eyeLookOutRight",
        "eyeLookUpLeft",
        "eyeLookUpRight",
        "eyeSquintLeft",
        "eyeSquintRight",
        "eyeWideLeft",
        "eyeWideRight",
        "jawForward",
        "jawLeft",
        "jawOpen",
        "jawRight",
        "mouthClose",
        "mouthDimpleLeft",
        "mouthDimpleRight",
        "mouthFrownLeft",
        "mouthFrownRight",
        "mouthFunnel",
        "mouthLeft",
        "mouthLowerDownLeft",
        "mouthLowerDownRight",
        "mouthPressLeft",
        "mouthPressRight",
        "mouthPucker",
        "mouthRight",
        "mouthRollLower",
        "mouthRollUpper",
        "mouthShrugLower",
        "mouthShrugUpper",
        "mouthSmileLeft",
        "mouthSmileRight",
        "mouthStretchLeft",
        "mouthStretchRight",
        "mouthUpperUpLeft",
        "mouthUpperUpRight",
        "noseSneerLeft",
        "noseSneerRight",
    ];

    /// Sets an expression by its ARKit name; a name without its `Left` or `Right` sets both sides.
    ///
    /// # Errors
    /// A name that is not known.
    pub fn set(&mut self, name: &str, value: f32) -> Result<(), EngineError> {
        let sides = ["", "Left", "Right"].map(|side| format!("{name}{side}"));
        let exact = Self::NAMES.contains(&name);
        let mut found = false;
        for (known, weight) in Self::NAMES.iter().zip(&mut self.weights) {
            if if exact { *known == name } else { sides.iter().any(|side| side == known) } {
                *weight = value;
                found = true;
            }
        }
        match found {
            true => Ok(()),
            false => Err(EngineError::Expression { name: name.to_owned(), known: Self::NAMES[1..].join(", ") }),
        }
    }

    /// The turn of the head; axes: right, down, away.
    pub(crate) fn rotation(&self) -> Mat3 {
        let [yaw, pitch, roll] = [self.yaw, self.pitch, self.roll].map(f32::to_radians);
        Mat3::from_rotation_z(roll) * Mat3::from_rotation_y(-yaw) * Mat3::from_rotation_x(-pitch)
    }
}

impl Engine {
    /// The points of an avatar whose face does this: for [`crate::Session::animate_keypoints`], in [`crate::Mode::Absolute`] or with
    /// the avatar's own points ([`Avatar::points`]) as the neutral pose.
    pub fn pose(&self, avatar: &Avatar, expression: &Expression) -> Points {
        self.nets.face.posed(&avatar.points(), expression)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_set_one_side_or_both() {
        let mut e = Expression::default();
        e.set("mouthSmile", 0.5).expect("both");
        e.set("eyeBlinkLeft", 1.0).expect("one");
        e.set("jawOpen", 0.25).expect("no sides");
        e.set("mouthLeft", 0.75).expect("the mouth as a whole");
        let set = |name: &str| e.weights[Expression::NAMES.iter().position(|n| *n == name).expect("a name")];
        assert_eq!(
            ["mouthSmileLeft", "mouthSmileRight", "eyeBlinkLeft", "eyeBlinkRight"].map(set),
            [0.5, 0.5, 1.0, 0.0]
        );
        assert_eq!(["jawOpen", "mouthLeft", "mouthRight"].map(set), [0.25, 0.75, 0.0]);
        let error = e.set("grin", 1.0).expect_err("not ARKit's").to_string();
        assert!(error.contains("`grin`") && error.contains("mouthSmileLeft"), "{error}");
    }
}
