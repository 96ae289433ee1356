//! Reading what the compilers print about one pipeline.

use super::compile::Compiler;

/// Counts of instructions in the code, not weighted by how often a loop runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) instructions: u32,
    pub(crate) non_nops: u32,
    pub(crate) multiply_adds: Option<u32>,
    pub(crate) registers: Option<u32>,
    pub(crate) spills: u32,
}

/// The statistics in `text`, from one mark to the next.
pub(crate) fn read(compiler: Compiler, text: &str) -> Option<Statistics> {
    match compiler {
        Compiler::Adreno(_) => adreno(text),
        Compiler::Mali(_) => mali(text),
    }
}

/// The number right before `word`.
fn before(text: &str, word: &str) -> Option<f64> {
    let at = text.find(word)?;
    text[..at].split_whitespace().last()?.trim_start_matches(',').parse().ok()
}

/// Turnip prints the code, then counts: `855 instr, 190 nops, 665 non-nops, …`, `0 half, 24 full, …`.
fn adreno(text: &str) -> Option<Statistics> {
    let counts = text.lines().find(|line| line.contains(" instr, ") && line.contains(" non-nops, "))?;
    let registers = text.lines().find(|line| line.contains(" half, ") && line.contains(" full, "))?;
    // `(rpt2)mad.f32` is three of them.
    let repeats = |line: &str| {
        let code = line.rsplit("info:").next().unwrap_or(line).trim_start();
        let (flags, _) = code.split_once("mad.f")?;
        let is_flags = flags.chars().all(|c| c.is_ascii_alphanumeric() || "() ".contains(c)) && flags.len() < 24;
        let times = flags.split("(rpt").nth(1).and_then(|n| n.chars().next()?.to_digit(10)).unwrap_or(0);
        is_flags.then_some(1 + times)
    };
    Some(Statistics {
        instructions: before(counts, " instr,")? as u32,
        non_nops: before(counts, " non-nops,")? as u32,
        multiply_adds: Some(text.lines().filter_map(repeats).sum()),
        registers: before(registers, " full,").map(|n| n as u32),
        // Spilled values are written to private memory.
        spills: text.lines().filter(|line| line.contains(" stp.") || line.contains(")stp.")).count() as u32,
    })
}

/// PanVK prints one line: `SHADER-DB: … shader: 526 inst, 42.0 cycles, 1.265625 fma, …, 7:49 spills:fills`. The time on the
/// multiply-add unit is given in cycles of 64 instructions.
fn mali(text: &str) -> Option<Statistics> {
    let line = text.lines().find(|line| line.contains("SHADER-DB") && line.contains(" inst,"))?;
    let instructions = before(line, " inst,")? as u32;
    let spills = line.split(" spills:fills").next()?.split_whitespace().last()?.split(':').next()?;
    Some(Statistics {
        instructions,
        non_nops: instructions,
        multiply_adds: Some((64.0 * before(line, " fma,")?).round() as u32),
        // Not printed; `1 threads` means more than 32.
        registers: None,
        spills: spills.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adreno_counts() {
        let text = "conv3x3_4x8 ACT=1\nMESA: info:     32    %9 = ffma %7, %8\nMESA: info: mad.f32 r6.y, r4.y, r5.z, r2.w\n\
                    MESA: info: (sy)(rpt1)mad.f32 r9.y, (r)r4.w, r15.w, (r)r9.y\nMESA: info: (nop3) mad.f32 r6.z, r4.y, r5.x, r3.z\n\
                    MESA: info: stp.u32 p0[0], r1.x, 1\n\
                    MESA: info: ; CL prog 18/1: 39 instr, 15 nops, 24 non-nops, 14 mov, 0 cov, 128 dwords\n\
                    MESA: info: ; CL prog 18/1: 0 last-baryf, 0 last-helper, 0 half, 5 full, 12 constlen\n";
        let expected =
            Statistics { instructions: 39, non_nops: 24, multiply_adds: Some(4), registers: Some(5), spills: 1 };
        assert_eq!(read(Compiler::Adreno("740"), text), Some(expected));
        assert_eq!(read(Compiler::Adreno("740"), "nothing"), None);
    }

    #[test]
    fn mali_counts() {
        let text = "x\nSHADER-DB: MESA_SHADER_COMPUTE shader: 1860 inst, 155.000000 cycles, 9.281250 fma, 15.062500 cvt, \
                    9.187500 sfu, 0.000000 v, 0.000000 t, 155.000000 ls, 936 quadwords, 1 threads, 1 loops, 7:49 spills:fills\n";
        let expected =
            Statistics { instructions: 1860, non_nops: 1860, multiply_adds: Some(594), registers: None, spills: 7 };
        assert_eq!(read(Compiler::Mali("a867"), text), Some(expected));
    }
}
