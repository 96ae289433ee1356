//! A face that has nothing to do: it breathes, blinks, looks about and is never quite still.

use crate::expression::Expression;

/// Seconds within which there is one blink.
const BLINK_SLOT: f64 = 4.0;
/// Seconds a lid takes to close, stays closed, and takes to open (Caffier et al. 2003 measured 92, 60 and 136 ms when awake).
const BLINK: [f64; 3] = [0.09, 0.05, 0.15];
/// Seconds within which the eyes move on once, perhaps to where they were.
const LOOK_SLOT: f64 = 2.2;
/// Seconds that takes (saccades of some degrees last 30 to 60 ms).
const LOOK: f64 = 0.05;
/// Degrees that an eye turns for a look of strength 1: an iris then lies some 7 mm aside, on a ball of 12 mm radius.
const LOOK_DEGREES: f32 = 35.0;
/// Breaths a second.
const BREATHING: f64 = 0.25;

/// Idle motion. A pure function of seed and time: the same seed gives the same motion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Idle {
    /// Chooses among motions.
    pub seed: u64,
}

impl Idle {
    /// What the face does `seconds` after the start.
    pub fn expression(&self, seconds: f64) -> Expression {
        let breath = (seconds * BREATHING * std::f64::consts::TAU).sin() as f32;
        let mut e = Expression {
            yaw: 5.0 * self.drift(0, seconds * 0.21),
            pitch: 2.5 * self.drift(1, seconds * 0.27) + 0.7 * breath,
            roll: 2.0 * self.drift(2, seconds * 0.17),
            ..Expression::default()
        };
        let blink = self.blink(seconds);
        // The eyes stay on the viewer while the head moves, but for a look aside now and then.
        let right = (6.0 * self.look(6, seconds) - e.yaw) / LOOK_DEGREES;
        let up = (3.0 * self.look(7, seconds) - e.pitch) / LOOK_DEGREES;
        let smile = 0.25 * self.drift(3, seconds * 0.12).max(0.0);
        let brows = 0.3 * self.drift(4, seconds * 0.19).max(0.0);
        for (name, weight) in Expression::NAMES.iter().zip(&mut e.weights) {
            *weight = match *name {
                "eyeBlinkLeft" | "eyeBlinkRight" => blink,
                "mouthSmileLeft" | "mouthSmileRight" => smile,
                "browInnerUp" => brows,
                "eyeLookOutLeft" | "eyeLookInRight" => right.max(0.0),
                "eyeLookInLeft" | "eyeLookOutRight" => (-right).max(0.0),
                "eyeLookUpLeft" | "eyeLookUpRight" => up.max(0.0),
                "eyeLookDownLeft" | "eyeLookDownRight" => (-up).max(0.0),
                _ => 0.0,
            };
        }
        e
    }

    /// How far the lids are closed, 0..=1.
    fn blink(&self, seconds: f64) -> f32 {
        let slot = (seconds / BLINK_SLOT).floor();
        let [close, shut, open] = BLINK;
        let room = BLINK_SLOT - close - shut - open;
        // The first slot blinks late: a start that blinks looks like a fault.
        let chance = f64::from(self.noise(5, slot as i64));
        let start = slot * BLINK_SLOT + room * if slot < 1.0 { 0.5 + 0.5 * chance } else { chance };
        let t = seconds - start;
        let level = if t < close { t / close } else { 1.0 - (t - close - shut).max(0.0) / open };
        let level = level.clamp(0.0, 1.0) as f32;
        level * level * (3.0 - 2.0 * level)
    }

    /// Where the eyes look beside the viewer, -1..=1; two times of three at the viewer, and so at the start.
    fn look(&self, channel: u64, seconds: f64) -> f32 {
        let slot = (seconds / LOOK_SLOT).floor();
        // Both channels move at once, for these are one look.
        let start = (slot + 0.9 * f64::from(self.noise(8, slot as i64))) * LOOK_SLOT;
        let t = ((seconds - start) / LOOK).clamp(0.0, 1.0) as f32;
        let place = |slot: i64| {
            let aside = slot >= 1 && self.noise(9, slot) > 0.66;
            if aside { 2.0 * self.noise(channel, slot) - 1.0 } else { 0.0 }
        };
        let (before, after) = (place((slot as i64).saturating_sub(1)), place(slot as i64));
        before + (after - before) * t * t * (3.0 - 2.0 * t)
    }

    /// Smooth noise in -1..=1, with knots at whole numbers of `t`; 0 at the start.
    fn drift(&self, channel: u64, t: f64) -> f32 {
        let knot = |i: i64| if i <= 0 { 0.0 } else { 2.0 * self.noise(channel, i) - 1.0 };
        let (i, f) = (t.floor() as i64, (t - t.floor()) as f32);
        let s = f * f * f * (f * (6.0 * f - 15.0) + 10.0);
        knot(i) * (1.0 - s) + knot(i.saturating_add(1)) * s
    }

    /// A number in 0..1 for each place (SplitMix64).
    fn noise(&self, channel: u64, place: i64) -> f32 {
        let mut z = self.seed ^ channel.wrapping_mul(0xA076_1D64_78BD_642F);
        z = z.wrapping_add((place as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_starts_at_rest_moves_smoothly_and_blinks_once_a_slot() {
        for seed in [0, 1, 99] {
            let idle = Idle { seed };
            assert_eq!(idle.expression(0.0), Expression::default());
            assert_eq!(idle.expression(7.3), Idle { seed }.expression(7.3));
            let (mut blinks, mut shut, mut last) = (0, false, idle.expression(0.0));
            for frame in 1..1200 {
                let e = idle.expression(f64::from(frame) / 60.0);
                assert!((e.yaw - last.yaw).abs() < 0.2 && (e.pitch - last.pitch).abs() < 0.2, "frame {frame} jumps");
                let closed = idle.blink(f64::from(frame) / 60.0) > 0.9;
                blinks += u32::from(closed && !shut);
                (shut, last) = (closed, e);
            }
            assert_eq!(blinks, 5, "20 seconds, seed {seed}");
        }
        // The head turns and the eyes stay where they were, most of the time.
        let name = |name: &str| Expression::NAMES.iter().position(|known| *known == name).expect("a name");
        let (out, inwards) = (name("eyeLookOutLeft"), name("eyeLookInLeft"));
        let right = |e: &Expression| LOOK_DEGREES * (e.weights[out] - e.weights[inwards]);
        let looks: Vec<f32> =
            (0..1200).map(|i| Idle { seed: 7 }.expression(f64::from(i) / 10.0)).map(|e| right(&e) + e.yaw).collect();
        let aside = looks.iter().filter(|degrees| degrees.abs() > 0.5).count();
        assert!((100..600).contains(&aside) && looks.iter().all(|degrees| degrees.abs() < 6.1), "{aside} of 1200");
        assert_ne!(Idle { seed: 1 }.expression(9.0), Idle { seed: 2 }.expression(9.0));
    }

    #[test]
    fn any_time_gives_a_face() {
        for seconds in [-1e300, -1.0, 1e18, 1e300] {
            let e = Idle::default().expression(seconds);
            assert!([e.yaw, e.pitch, e.roll].into_iter().chain(e.weights).all(f32::is_finite), "{seconds}");
        }
    }
}
