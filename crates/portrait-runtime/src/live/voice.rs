//! The face that says what it hears: speech moves its lips, all else is idle motion.

use super::script::{Cue, Said};
use crate::error::EngineError;
use crate::expression::Expression;
use crate::idle::Idle;
use crate::speech::{Lips, Speech};
use std::time::Instant;

/// Seconds in which a mouth that has nothing more to say comes as near to rest as one e-th: in 0.1 all but shut.
const REST: f32 = 0.03;

/// From the first sound until a frame drives.
#[derive(Debug)]
pub(super) struct Voice {
    begun: Instant,
    /// When it was last shown.
    last: Instant,
    /// Hears the sentence that is said; a new one for each, which nothing before reaches.
    speech: Option<Speech>,
    lips: Lips,
}

impl Voice {
    pub(super) fn new(now: Instant) -> Self {
        Self { begun: now, last: now, speech: None, lips: Lips::default() }
    }

    /// What the face does now, and seconds since it was last asked.
    pub(super) fn express(&mut self, cue: &Cue, now: Instant) -> Result<(Expression, f32), EngineError> {
        let step = (now - self.last).as_secs_f32();
        self.last = now;
        let lips = match &cue.said {
            Some(said) => self.hear(said)?,
            None => None,
        };
        self.lips = lips.unwrap_or_else(|| {
            self.speech = None;
            let left = (-step / REST).exp();
            let Lips { open, wide, shut } = self.lips;
            Lips { open: open * left, wide: wide * left, shut: shut * left }
        });
        let idle = Idle::default().expression((now - self.begun).as_secs_f64());
        Ok((Expression { lips: self.lips, ..idle }, step))
    }

    fn hear(&mut self, said: &Said) -> Result<Option<Lips>, EngineError> {
        let mut speech = match self.speech.take() {
            Some(speech) if !said.first => speech,
            _ => Speech::new()?,
        };
        speech.push(&said.sound);
        Ok(self.speech.insert(speech).lips(said.seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{DELAY, Script};
    use super::*;
    use crate::tests::fixtures::Fixture;
    use std::time::Duration;

    /// Two seconds of somebody who speaks.
    fn sentence() -> Vec<i16> {
        Fixture::open("speech").get("sound").into_iter().map(|sample| (sample * 32767.0) as i16).collect()
    }

    /// What the face does in so many moments of a thirtieth of a second from `start` on.
    fn moments(script: &mut Script, voice: &mut Voice, start: Instant, count: u32) -> Vec<(Option<f64>, Expression)> {
        let moment = |i: u32| {
            let now = start + Duration::from_secs(1) * i / 30;
            let cue = script.cue(now);
            let (expression, step) = voice.express(&cue, now).expect("the network is part of the build");
            assert!(i == 0 || (step - 1.0 / 30.0).abs() < 1e-6);
            (cue.said.map(|said| said.seconds), expression)
        };
        (0..count).map(moment).collect()
    }

    #[test]
    fn it_says_what_speech_hears_and_idles_all_the_while() {
        let (sound, start) = (sentence(), Instant::now());
        let (mut script, mut voice) = (Script::default(), Voice::new(start));
        let mut whole = Speech::new().expect("the network is part of the build");
        whole.push(&sound.iter().map(|sample| f32::from(*sample) / 32768.0).collect::<Vec<_>>());
        whole.push(&[0.0; 16_000]);
        script.push(&sound, Duration::ZERO, start);
        let shown = moments(&mut script, &mut voice, start, 90);
        let said: Vec<f64> = shown.iter().filter_map(|(seconds, _)| *seconds).collect();
        assert!((58..=61).contains(&said.len()), "{} moments of two seconds", said.len());
        let mut open = 0.0f32;
        for (i, (seconds, Expression { lips, .. })) in shown.iter().enumerate() {
            let idle = Idle::default().expression(i as f64 / 30.0);
            assert!((shown[i].1.yaw - idle.yaw).abs() < 1e-4);
            if let Some(seconds) = seconds {
                assert_eq!(Some(*lips), whole.lips(*seconds), "{seconds}");
                open = open.max(lips.open);
            }
        }
        assert!(open > 0.15, "{open}");
        assert_eq!(shown[0].1.lips, Lips::default());
        assert!(shown[89].1.lips.open < 1e-3 && voice.speech.is_none(), "said and forgotten");
    }

    #[test]
    fn an_interruption_shuts_the_mouth_within_a_tenth_of_a_second_and_not_at_once() {
        let (sound, start) = (sentence(), Instant::now());
        let (mut script, mut voice) = (Script::default(), Voice::new(start));
        script.push(&sound, Duration::ZERO, start);
        let open =
            |shown: &[(Option<f64>, Expression)]| -> Vec<f32> { shown.iter().map(|(_, e)| e.lips.open).collect() };
        // At its widest, in the first second.
        let before = open(&moments(&mut Script::default(), &mut Voice::new(start), start, 1));
        assert_eq!(before, [0.0]);
        let said = open(&moments(&mut script, &mut voice, start, 38));
        let widest = (0..38).max_by(|a, b| said[*a].total_cmp(&said[*b])).expect("moments");
        let (mut script, mut voice) = (Script::default(), Voice::new(start));
        script.push(&sound, Duration::ZERO, start);
        moments(&mut script, &mut voice, start, widest as u32 + 1);
        let now = start + Duration::from_secs(1) * widest as u32 / 30;
        script.interrupt(now);
        let [at, first, second, third] = open(&moments(&mut script, &mut voice, now, 4))[..] else { panic!("four") };
        assert_eq!(at, said[widest]);
        assert!(at > 0.1 && first > 0.2 * at && second < first && third < 0.05 * at, "{at} {first} {second} {third}");
        // What follows comes after the delay, from a mouth at rest.
        script.push(&sound, Duration::ZERO, now + Duration::from_millis(101));
        let shown = moments(&mut script, &mut voice, now + Duration::from_millis(134), 30);
        let quiet = shown.iter().take_while(|(seconds, _)| seconds.is_none()).count();
        assert!((6..=8).contains(&quiet), "{quiet} of {DELAY:?}");
        assert!(open(&shown)[..=quiet].iter().all(|open| *open < 0.01));
    }
}
