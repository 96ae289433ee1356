//! Reading what the compilers print about one pipeline.

use super::code::Code;
use super::compile::Compiler;
use crate::report::PhoneLoop;

/// Counts of instructions in the code, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Statistics {
    pub(super) instructions: u32,
    pub(super) non_nops: u32,
    pub(super) multiply_adds: Option<u32>,
    pub(super) registers: Option<u32>,
    pub(super) spills: u32,
    /// `None` where the listing does not give the compiler's own counts.
    pub(super) loops: Option<Vec<PhoneLoop>>,
}

/// The statistics of a pipeline, from what was written to stdout and stderr between its mark and the next.
pub(super) fn read(compiler: Compiler, stdout: &str, stderr: &str) -> Option<Statistics> {
    match compiler {
        Compiler::Adreno(_) => adreno(stderr),
        Compiler::Mali(_) => mali(stdout, stderr),
    }
}

/// The number right before `word`.
fn before(text: &str, word: &str) -> Option<f64> {
    let at = text.find(word)?;
    text[..at].split_whitespace().last()?.trim_start_matches(',').parse().ok()
}

/// Turnip prints the code, then counts: `855 instr, 190 nops, 665 non-nops, …`, `0 half, 24 full, …`, `…, 1 loops`.
fn adreno(text: &str) -> Option<Statistics> {
    let counts = text.lines().find(|line| line.contains(" instr, ") && line.contains(" non-nops, "))?;
    let registers = text.lines().find(|line| line.contains(" half, ") && line.contains(" full, "))?;
    let (instructions, non_nops) = (before(counts, " instr,")? as u32, before(counts, " non-nops,")? as u32);
    let loops =
        text.lines().find_map(|line| before(line, " loops").filter(|_| line.contains("CL prog"))).map(|n| n as usize);
    let code = Code::adreno(text).filter(|code| {
        (code.total.instructions, code.total.non_nops) == (instructions, non_nops) && Some(code.loops.len()) == loops
    });
    Some(Statistics {
        instructions,
        non_nops,
        multiply_adds: code.as_ref().map(|code| code.total.multiply_adds),
        registers: before(registers, " full,").map(|n| n as u32),
        // Spilled values are written to private memory.
        spills: text.lines().filter(|line| line.contains(" stp.") || line.contains(")stp.")).count() as u32,
        loops: code.map(|code| code.loops),
    })
}

/// PanVK prints the code to stdout and one line to stderr: `SHADER-DB: … shader: 526 inst, 42.0 cycles, 1.265625 fma, …, 1 loops,
/// 7:49 spills:fills`. The time on the multiply-add unit is given in cycles of 64 instructions; it also adds and compares.
fn mali(stdout: &str, stderr: &str) -> Option<Statistics> {
    let line = stderr.lines().find(|line| line.contains("SHADER-DB") && line.contains(" inst,"))?;
    let instructions = before(line, " inst,")? as u32;
    let spills = line.split(" spills:fills").next()?.split_whitespace().last()?.split(':').next()?;
    let unit = (64.0 * before(line, " fma,")?).round() as u32;
    let loops = before(line, " loops")? as usize;
    let code = Code::mali(stdout, instructions as usize)
        .filter(|code| code.loops.len() == loops && code.total.multiply_adds <= unit);
    Some(Statistics {
        instructions,
        non_nops: code.as_ref().map_or(instructions, |code| code.total.non_nops),
        multiply_adds: code.as_ref().map(|code| code.total.multiply_adds).or(Some(unit)),
        // Not printed; `1 threads` means more than 32.
        registers: None,
        spills: spills.parse().ok()?,
        loops: code.map(|code| code.loops),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adreno_counts() {
        let text = "conv3x3_4x8 ACT=1\nMESA: info:     32    %9 = ffma %7, %8\nMESA: info: Native code for unnamed CL shader:\n\
                    MESA: info: l0:\nMESA: info: mad.f32 r6.y, r4.y, r5.z, r2.w\n\
                    MESA: info: (sy)(rpt1)mad.f32 r9.y, (r)r4.w, r15.w, (r)r9.y\nMESA: info: (nop3) mad.f32 r6.z, r4.y, r5.x, r3.z\n\
                    MESA: info: stp.u32 p0[0], r1.x, 1\nMESA: info: jump #l0\nMESA: info: end\n\
                    MESA: info: ; CL prog 18/1: 10 instr, 3 nops, 7 non-nops, 14 mov, 0 cov, 128 dwords\n\
                    MESA: info: ; CL prog 18/1: 0 last-baryf, 0 last-helper, 0 half, 5 full, 12 constlen\n\
                    MESA: info: ; CL prog 18/1: 26 sstall, 4 (ss), 39 systall, 2 (sy), 1 loops\n";
        let expected = Statistics {
            instructions: 10,
            non_nops: 7,
            multiply_adds: Some(4),
            registers: Some(5),
            spills: 1,
            loops: Some(vec![PhoneLoop { depth: 0, non_nops: 6, multiply_adds: 4 }]),
        };
        assert_eq!(read(Compiler::Adreno("740"), "", text), Some(expected));
        let other = read(Compiler::Adreno("740"), "", &text.replace("10 instr", "11 instr")).unwrap();
        assert_eq!(
            (other.instructions, other.loops, other.multiply_adds),
            (11, None, None),
            "the listing is another's"
        );
        assert_eq!(read(Compiler::Adreno("740"), "", "nothing"), None);
    }

    #[test]
    fn mali_counts() {
        let stderr = "x\nSHADER-DB: MESA_SHADER_COMPUTE shader: 4 inst, 155.000000 cycles, 0.031250 fma, 15.062500 cvt, \
                      9.187500 sfu, 0.000000 v, 0.000000 t, 155.000000 ls, 936 quadwords, 1 threads, 1 loops, 7:49 spills:fills\n";
        let stdout = "FMA.f32 r0, r1, r2, r3\nFADD.f32 r0, r1, r2\nBRANCHZ.eq.reconverge 0x0, offset:-3\nNOP.end\n";
        let expected = Statistics {
            instructions: 4,
            non_nops: 3,
            multiply_adds: Some(1),
            registers: None,
            spills: 7,
            loops: Some(vec![PhoneLoop { depth: 0, non_nops: 3, multiply_adds: 1 }]),
        };
        assert_eq!(read(Compiler::Mali("a867"), stdout, stderr), Some(expected.clone()));
        let without = Statistics { non_nops: 4, multiply_adds: Some(2), loops: None, ..expected };
        assert_eq!(read(Compiler::Mali("a867"), "", stderr), Some(without));
    }
}
