//! What is still to be said, and when: the buffer and the clock of live speech. It hears nothing and shows nothing.

use crate::speech::Speech;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// From the push of a first sample until its picture is seen.
pub(super) const DELAY: Duration = Duration::from_millis(300);
/// How long before it is seen a picture is begun: a frame of thirty a second.
const FRAME: Duration = Duration::from_millis(33);
/// Samples that may wait: a minute.
pub(super) const MOST: usize = 60 * Speech::SAMPLE_RATE as usize;
/// Nanoseconds from sample to sample.
const SAMPLE: u64 = 1_000_000_000 / Speech::SAMPLE_RATE as u64;
/// Samples that are heard from that of a moment on before it is known what the mouth does then.
const AHEAD: i64 = (Speech::LATENCY * Speech::SAMPLE_RATE as f64) as i64 + 2;
/// By how much the host's clock may be off what samples count before it is believed: stamps are rounded.
const ROUNDED: Duration = Duration::from_millis(1);

/// Sound that is said in one go.
#[derive(Debug)]
struct Sentence {
    /// When the picture of its first sample is begun.
    begins: Instant,
    /// Samples so far.
    length: i64,
    /// The last of them, which nobody has heard.
    unheard: VecDeque<i16>,
    /// Samples that were heard, silence after the last one among them.
    heard: i64,
    /// The host's clock from these samples on; the first is what is said now.
    stamps: VecDeque<(i64, Duration)>,
}

/// Time that so many samples take.
fn span(samples: i64) -> Duration {
    Duration::from_nanos(samples.unsigned_abs() * SAMPLE)
}

impl Sentence {
    /// The sample of this moment, which may be before the first or after the last.
    fn at(&self, now: Instant) -> i64 {
        let samples = |time: Duration| i64::try_from(time.as_nanos() / u128::from(SAMPLE)).unwrap_or(i64::MAX / 2);
        match now.checked_duration_since(self.begins) {
            Some(since) => samples(since),
            None => -samples(self.begins - now),
        }
    }

    /// Whether more has to be heard than there is: what comes now is too late to be its next word.
    fn is_dry(&self, now: Instant) -> bool {
        self.length == 0 || self.at(now) + AHEAD > self.length
    }

    fn is_over(&self, now: Instant) -> bool {
        self.at(now) >= self.length
    }

    /// The host's clock at a sample.
    fn stamp(&self, sample: i64) -> Duration {
        let last = self.stamps.iter().rev().find(|(from, _)| *from <= sample).or(self.stamps.front());
        match last {
            Some(&(from, stamp)) if from <= sample => stamp.saturating_add(span(sample - from)),
            Some(&(from, stamp)) => stamp.saturating_sub(span(from - sample)),
            None => Duration::ZERO,
        }
    }

    fn push(&mut self, samples: &[i16], stamp: Duration) {
        if self.stamps.is_empty() || self.stamp(self.length).abs_diff(stamp) > ROUNDED {
            self.stamps.push_back((self.length, stamp));
        }
        self.unheard.extend(samples);
        self.length += samples.len() as i64;
    }

    /// What has to be heard for the mouth at this sample to be known.
    fn hear(&mut self, sample: i64) -> Vec<f32> {
        let more = (sample + AHEAD - self.heard).max(0);
        self.heard += more;
        let there = self.unheard.len().min(more as usize);
        let mut sound: Vec<f32> = self.unheard.drain(..there).map(|sample| f32::from(sample) / 32768.0).collect();
        // The last word is understood when what follows it is heard.
        sound.resize(more as usize, 0.0);
        while self.stamps.get(1).is_some_and(|(from, _)| *from <= sample) {
            self.stamps.pop_front();
        }
        sound
    }
}

/// What a picture that is begun now shows.
#[derive(Debug, PartialEq)]
pub(super) struct Cue {
    /// What is said; `None` where nothing is.
    pub(super) said: Option<Said>,
    /// The moment by the host's clock.
    pub(super) stamp: Duration,
}

/// A moment of a sentence.
#[derive(Debug, PartialEq)]
pub(super) struct Said {
    /// Whether nothing of the sentence was heard before.
    pub(super) first: bool,
    /// What has to be heard first, −1..=1.
    pub(super) sound: Vec<f32>,
    /// Seconds from the sentence's first sample on.
    pub(super) seconds: f64,
}

/// What was pushed and not shown yet.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// The one that is said, and those that follow, with silence between them.
    sentences: VecDeque<Sentence>,
    /// The host's clock at a moment that was shown.
    clock: Option<(Instant, Duration)>,
}

impl Script {
    /// How many samples more may wait.
    pub(super) fn room(&mut self, now: Instant) -> usize {
        self.turn(now);
        MOST.saturating_sub(self.sentences.iter().map(|sentence| sentence.unheard.len()).sum())
    }

    /// Takes samples, the first of which has this time by the host's clock.
    pub(super) fn push(&mut self, samples: &[i16], stamp: Duration, now: Instant) {
        self.turn(now);
        if self.sentences.back().is_none_or(|last| last.is_dry(now)) {
            let begins = now + (DELAY - FRAME);
            let (unheard, stamps) = (VecDeque::new(), VecDeque::new());
            self.sentences.push_back(Sentence { begins, length: 0, unheard, heard: 0, stamps });
        }
        if let Some(last) = self.sentences.back_mut() {
            last.push(samples, stamp);
        }
    }

    /// Forgets what is not shown yet.
    pub(super) fn interrupt(&mut self, now: Instant) {
        self.clock = Some((now, self.stamp(now)));
        self.sentences.clear();
    }

    /// What a picture that is begun now shows. Nothing is heard twice: a cue that is not followed leaves a gap.
    pub(super) fn cue(&mut self, now: Instant) -> Cue {
        self.turn(now);
        let stamp = self.stamp(now);
        let said = self.sentences.front_mut().filter(|sentence| sentence.begins <= now).map(|sentence| {
            self.clock = Some((now, stamp));
            let first = sentence.heard == 0;
            let seconds = (now - sentence.begins).as_secs_f64();
            Said { first, sound: sentence.hear(sentence.at(now)), seconds }
        });
        Cue { said, stamp }
    }

    /// The host's clock now: what is said tells, and it goes on in between.
    fn stamp(&self, now: Instant) -> Duration {
        match (self.sentences.front(), self.clock) {
            (Some(sentence), clock) if sentence.begins <= now || clock.is_none() => sentence.stamp(sentence.at(now)),
            (_, Some((then, stamp))) => stamp.saturating_add(now.saturating_duration_since(then)),
            (_, None) => Duration::ZERO,
        }
    }

    /// Drops sentences that are over.
    fn turn(&mut self, now: Instant) {
        while let Some(over) = self.sentences.pop_front_if(|sentence| sentence.is_over(now)) {
            self.clock = Some((over.begins + span(over.length), over.stamp(over.length)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const SECOND: usize = Speech::SAMPLE_RATE as usize;
    /// From a push until the picture of its first sample is begun.
    const BEGINS: Duration = Duration::from_millis(267);

    fn said(cue: Cue) -> Said {
        cue.said.expect("something is said")
    }

    #[test]
    fn a_frame_and_some_lateness_fit_into_the_delay() {
        let slack = (DELAY - FRAME).as_secs_f64() - Speech::LATENCY;
        assert!(slack > 0.06, "{slack}");
        assert_eq!(DELAY - FRAME, BEGINS);
        assert_eq!(SAMPLE * u64::from(Speech::SAMPLE_RATE), 1_000_000_000);
    }

    #[test]
    fn a_sentence_is_shown_after_the_delay_by_the_host_s_clock() {
        let (mut script, start) = (Script::default(), Instant::now());
        let sound: Vec<i16> = (0..SECOND).map(|i| i as i16).collect();
        script.push(&sound, 5000 * MS, start);
        assert_eq!(script.cue(start), Cue { said: None, stamp: 5000 * MS - BEGINS });
        let cue = script.cue(start + BEGINS);
        assert_eq!(cue.stamp, 5000 * MS);
        let first = said(cue);
        assert!(first.first && first.seconds == 0.0);
        let second = script.cue(start + BEGINS + 500 * MS);
        assert_eq!(second.stamp, 5500 * MS);
        let second = said(second);
        assert!(!second.first && second.seconds == 0.5);
        let third = said(script.cue(start + BEGINS + 999 * MS));
        // All of it once, then silence as far as the last moment needs.
        let heard = [first.sound, second.sound, third.sound].concat();
        let wanted: Vec<f32> = sound.iter().map(|s| f32::from(*s) / 32768.0).collect();
        assert_eq!(heard[..SECOND], wanted);
        assert!(heard[SECOND..].iter().all(|s| *s == 0.0));
        assert_eq!(heard.len() as i64, 999 * 16 + AHEAD);
        let over = script.cue(start + BEGINS + 1200 * MS);
        assert_eq!(over, Cue { said: None, stamp: 6200 * MS }, "the clock goes on");
        assert_eq!(script.cue(start + BEGINS + 1300 * MS).stamp, 6300 * MS);
    }

    #[test]
    fn pieces_do_not_matter_as_long_as_they_come_in_time() {
        let start = Instant::now();
        let sound: Vec<i16> = (0..SECOND).map(|i| (i * i) as i16).collect();
        let heard = |piece: usize, late: Duration| {
            let (mut script, mut pieces, mut heard) = (Script::default(), sound.chunks(piece).enumerate(), Vec::new());
            let mut next = pieces.next();
            for now in (0..1260).map(|ms| start + ms * MS) {
                while let Some((i, piece_of)) = next {
                    let stamp = span((i * piece) as i64);
                    if now < start + stamp + if i == 0 { Duration::ZERO } else { late } {
                        break;
                    }
                    script.push(piece_of, stamp, now);
                    next = pieces.next();
                }
                let cue = script.cue(now);
                if let Some(said) = cue.said {
                    assert_eq!(cue.stamp.as_millis(), (1e3 * said.seconds).round() as u128);
                    assert_eq!(said.first, heard.is_empty());
                    heard.extend(said.sound);
                }
            }
            heard
        };
        let whole = heard(SECOND, Duration::ZERO);
        assert!(whole.len() > SECOND && heard(320, Duration::ZERO) == whole);
        assert_eq!(heard(320, 60 * MS), whole);
        assert_eq!(heard(7, 50 * MS), whole);
    }

    #[test]
    fn who_comes_too_late_begins_anew() {
        let (mut script, start) = (Script::default(), Instant::now());
        script.push(&[1; 1600], Duration::ZERO, start);
        // Its last fifth of a second is being said when there is more.
        let late = start + BEGINS - 50 * MS;
        script.cue(late);
        script.push(&[2; 1600], 100 * MS, late);
        assert!(said(script.cue(start + BEGINS + 50 * MS)).sound.iter().all(|s| *s < 2.0 / 32768.0));
        assert_eq!(script.cue(start + BEGINS + 150 * MS).said, None, "at rest meanwhile");
        let anew = said(script.cue(late + BEGINS));
        assert!(anew.first && anew.seconds == 0.0 && anew.sound[0] == 2.0 / 32768.0);
        // Nothing is left that grows.
        for i in 0..1000 {
            script.push(&[3; 16], Duration::ZERO, late + 1000 * (i + 1) * MS);
            assert_eq!(script.sentences.len(), 1);
        }
    }

    #[test]
    fn the_host_s_clock_is_believed_where_it_jumps() {
        let (mut script, start) = (Script::default(), Instant::now());
        for i in 0..50 {
            // Rounded to milliseconds as some hosts do.
            script.push(&[0; 333], Duration::from_millis(i * 333 / 16), start);
        }
        assert_eq!(script.sentences[0].stamps.len(), 1);
        script.push(&[0; SECOND], 60_000 * MS, start);
        let jump = start + BEGINS + span(50 * 333);
        assert_eq!(script.cue(jump - 10 * MS).stamp, span(50 * 333) - 10 * MS);
        assert_eq!(script.cue(jump + 10 * MS).stamp, 60_010 * MS);
        assert_eq!(script.sentences[0].stamps.len(), 1, "what is past is forgotten");
        let mut last = Script::default();
        last.push(&[0; SECOND], Duration::MAX, start);
        assert_eq!(last.cue(start + BEGINS + 5 * MS).stamp, Duration::MAX);
    }

    #[test]
    fn an_interruption_leaves_nothing_but_the_clock() {
        let (mut script, start) = (Script::default(), Instant::now());
        script.push(&[1; SECOND], 7000 * MS, start);
        let now = start + BEGINS + 250 * MS;
        script.cue(now - 10 * MS);
        script.interrupt(now);
        assert_eq!(script.cue(now), Cue { said: None, stamp: 7250 * MS });
        assert_eq!(script.room(now), MOST);
        script.push(&[1; SECOND], 9000 * MS, now);
        assert_eq!(
            script.cue(now + 100 * MS),
            Cue { said: None, stamp: 7350 * MS },
            "not before the new words are due"
        );
        let cue = script.cue(now + BEGINS);
        assert_eq!(cue.stamp, 9000 * MS);
        assert!(said(cue).first);
    }

    #[test]
    fn no_sound_is_a_beginning_and_a_minute_is_the_end() {
        let (mut script, start) = (Script::default(), Instant::now());
        script.push(&[], 1000 * MS, start);
        assert_eq!(script.cue(start + BEGINS + 500 * MS), Cue { said: None, stamp: 1500 * MS });
        let now = start + 2000 * MS;
        assert_eq!(script.room(now), MOST);
        script.push(&[1; MOST], 3000 * MS, now);
        assert_eq!(script.room(now), 0);
        // What is heard makes room.
        script.cue(now + BEGINS + 1000 * MS);
        assert_eq!(script.room(now + BEGINS + 1000 * MS) as i64, SECOND as i64 + AHEAD);
        // Over, and nobody has looked.
        assert_eq!(script.room(now + 61_000 * MS), MOST);
        assert_eq!(script.cue(now + BEGINS + 61_000 * MS), Cue { said: None, stamp: 64_000 * MS });
    }
}
