//! Compiled code as the disassemblers print it: what is inside of loops and what is not.
//!
//! A loop is what lies between the target of a jump backwards and that jump; compilers lay its blocks out one after the other.
//! Every listing is held against the counts that the compiler prints beside it, so that a line misread is an error, not a number.

use crate::report::PhoneLoop;

/// Instructions of a stretch of code; a vector of them is counted by lanes that it takes to issue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) instructions: u32,
    pub(super) non_nops: u32,
    pub(super) multiply_adds: u32,
}

impl Count {
    fn add(&mut self, other: Count) {
        self.instructions += other.instructions;
        self.non_nops += other.non_nops;
        self.multiply_adds += other.multiply_adds;
    }
}

/// A line of a listing.
struct Line {
    count: Count,
    /// The line it may jump to.
    target: Option<usize>,
}

/// A program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Code {
    /// All of it, every instruction once.
    pub(super) total: Count,
    /// An outer loop before the loops inside it; each without those.
    pub(super) loops: Vec<PhoneLoop>,
}

impl Code {
    /// `None` where jumps backwards cross each other, which no loop of a shader does.
    fn new(lines: &[Line]) -> Option<Self> {
        // First and last line of each loop; `continue` jumps back as well.
        let mut spans: Vec<[usize; 2]> = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            let Some(first) = line.target.filter(|target| *target <= at) else { continue };
            match spans.iter_mut().find(|span| span[0] == first) {
                Some(span) => span[1] = at,
                None => spans.push([first, at]),
            }
        }
        spans.sort_unstable();
        let inside = |inner: &[usize; 2], at: usize| (inner[0]..=inner[1]).contains(&at);
        let crossing = |a: &[usize; 2], b: &[usize; 2]| a != b && inside(a, b[0]) && !inside(a, b[1]);
        if spans.iter().any(|a| spans.iter().any(|b| crossing(a, b))) {
            return None;
        }
        let mut total = Count::default();
        let mut loops = vec![PhoneLoop::default(); spans.len()];
        for (at, line) in lines.iter().enumerate() {
            total.add(line.count);
            if let Some(innermost) = spans.iter().rposition(|span| inside(span, at)) {
                loops[innermost].non_nops += line.count.non_nops;
                loops[innermost].multiply_adds += line.count.multiply_adds;
            }
        }
        for (i, found) in loops.iter_mut().enumerate() {
            found.depth = spans[..i].iter().filter(|outer| inside(outer, spans[i][0])).count() as u32;
        }
        Some(Self { total, loops })
    }

    /// Turnip's listing, without the preamble, which runs once for many invocations and which the compiler does not count either.
    /// `(rpt2)` repeats an instruction twice more, `(nop3)` waits three turns after it.
    pub(super) fn adreno(text: &str) -> Option<Self> {
        let listing = text.rsplit_once("Native code").map(|(_, code)| code)?;
        let mut labels = std::collections::HashMap::new();
        let mut found: Vec<(Count, Option<&str>)> = Vec::new();
        let mut preamble = false;
        for line in listing.lines().skip(1).map(|line| line.trim_start_matches("MESA: info:").trim()) {
            if line.is_empty() || line.starts_with([';', '@']) {
                continue;
            }
            if let Some(label) = line.strip_suffix(':') {
                labels.insert(label, found.len());
                continue;
            }
            let (flags, code) = flags(line);
            let name = code.split_whitespace().next()?;
            preamble |= name == "shps";
            if !preamble {
                // A swap of two registers is repeated once without saying so.
                let repeated = 1 + number(flags, "(rpt") + u32::from(name.starts_with("swz"));
                let non_nops = if name == "nop" { 0 } else { repeated };
                let multiply_adds = if name.starts_with("mad.f") { repeated } else { 0 };
                let count = Count { instructions: repeated + number(flags, "(nop"), non_nops, multiply_adds };
                found.push((count, code.rsplit_once('#').map(|(_, label)| label).filter(|l| l.starts_with('l'))));
            }
            preamble &= name != "shpe";
            if name == "end" {
                break;
            }
        }
        let lines: Option<Vec<Line>> = found
            .into_iter()
            .map(|(count, label)| match label {
                Some(label) => labels.get(label).map(|target| Line { count, target: Some(*target) }),
                None => Some(Line { count, target: None }),
            })
            .collect();
        Self::new(&lines?)
    }

    /// PanVK's listing: the last `instructions` lines of what it prints, jumps by their distance from the next instruction.
    pub(super) fn mali(text: &str, instructions: usize) -> Option<Self> {
        let all: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let listing = &all[all.len().checked_sub(instructions)?..];
        let lines: Vec<Line> = listing
            .iter()
            .enumerate()
            .map(|(at, line)| {
                let name = line.split([' ', '.']).next().unwrap_or_default();
                let jumps = name.starts_with("BRANCH") || name.starts_with("JUMP");
                let offset =
                    line.rsplit_once("offset:").filter(|_| jumps).and_then(|(_, n)| n.trim().parse::<isize>().ok());
                let count = Count {
                    instructions: 1,
                    non_nops: u32::from(name != "NOP"),
                    multiply_adds: u32::from(name == "FMA"),
                };
                Line { count, target: offset.and_then(|offset| (at + 1).checked_add_signed(offset)) }
            })
            .collect();
        Self::new(&lines)
    }
}

/// `(sy)(rpt1)mad.f32 …` as flags and the rest.
fn flags(line: &str) -> (&str, &str) {
    let mut at = 0;
    while line[at..].starts_with('(') {
        match line[at..].find(')') {
            Some(end) => at += end + 1,
            None => break,
        }
    }
    (&line[..at], line[at..].trim_start())
}

/// The digit right after `flag`, or 0.
fn number(flags: &str, flag: &str) -> u32 {
    flags.split(flag).nth(1).and_then(|rest| rest.chars().next()?.to_digit(10)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_loop(depth: u32, non_nops: u32, multiply_adds: u32) -> PhoneLoop {
        PhoneLoop { depth, non_nops, multiply_adds }
    }

    #[test]
    fn adreno_loops() {
        let text = "NIR\nMESA: info: Native code for unnamed CL shader with sha1 1:\nMESA: info: ; num_ubos: 0\nMESA: info: @in(r0.x)\tin0\n\
                    MESA: info: shps #l2\nMESA: info: getone #l2\nMESA: info: (sy)(ss)shpe\nMESA: info: l2:\n\
                    MESA: info: br !p0.y, #l12\nMESA: info: l3:\nMESA: info: (nop3) add.u r0.x, r0.x, r0.y\n\
                    MESA: info: l4:\nMESA: info: (sy)(rpt2)mad.f32 r4.x, r2.w, r3.x, (r)r2.x\nMESA: info: (rpt1)nop\n\
                    MESA: info: madsh.m16 r0.w, r1.y, r0.w, r1.w\nMESA: info: brao p0.z, p0.y, #l4\n\
                    MESA: info: swz.u32u32 r4.y, r0.y, r0.y, r4.y\nMESA: info: jump #l3\nMESA: info: l12:\nMESA: info: (jp)end\nMESA: info: nop\n";
        let code = Code::adreno(text).unwrap();
        assert_eq!(code.total, Count { instructions: 16, non_nops: 11, multiply_adds: 3 });
        assert_eq!(code.loops, [a_loop(0, 4, 0), a_loop(1, 5, 3)]);
    }

    #[test]
    fn a_listing_that_makes_no_sense_is_none() {
        assert_eq!(Code::adreno("nothing"), None);
        let crossing = "Native code\nl0:\nnop\nl1:\nnop\njump #l0\njump #l1\nend\n";
        assert_eq!(Code::adreno(crossing), None);
        assert_eq!(Code::adreno("Native code\njump #l9\nend\n"), None);
        assert_eq!(Code::mali("NOP.end", 2), None);
    }

    #[test]
    fn mali_loops() {
        let text = "block0 {\n   FMA.f32 1, 2, 3, 4\n}\n   IADD_IMM.i32 r2, 0x0, #0x4\n   BRANCHZ.eq.reconverge ^r31.h0, offset:4\n\n\
                    FMA.f32 r25, r43, r39, ^r25\n   LD_BUFFER.i128.slot1 @r36:r37, ^r34, offset:0\n   NOP.wait1 \n\
                    BRANCHZ.eq.reconverge 0x0, offset:-4\n\n   STORE.i128.slot1 @r32:r33, ^r18, offset:0\n   NOP.end\n";
        let code = Code::mali(text, 8).unwrap();
        assert_eq!(code.total, Count { instructions: 8, non_nops: 6, multiply_adds: 1 });
        assert_eq!(code.loops, [a_loop(0, 3, 1)]);
        // One that is left by a jump forwards belongs to it as well.
        assert_eq!(Code::mali(text.replace(":-4", ":-5").as_str(), 8).unwrap().loops, [a_loop(0, 4, 1)]);
    }
}
