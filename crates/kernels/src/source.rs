//! The WGSL source of a dispatch: a kernel's file, the functions of shaders/common that it calls, and what is generated
//! for the fused program. The same request gives the same text.

use std::fmt::Write;

use crate::dispatch::STEP_COLUMNS;
use crate::library;
use crate::program::{IndexMap, Instr, Program, Scalar};
use crate::table::{Access, Kernel, kernel};

/// What a source is made for. Equal requests are one pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Request<'a> {
    /// Name of the kernel's row.
    pub kernel: &'a str,
    /// Values of its overrides; others keep their defaults.
    pub overrides: &'a [(&'static str, u32)],
    /// The fused program.
    pub program: &'a Program,
    /// Bit k: group 0's binding k must be declared read-write, since its buffer is written in this dispatch.
    pub writable: u32,
    /// The same for the program's operands.
    pub writable_operands: u32,
}

/// Why there is no source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceError(pub String);

impl std::fmt::Display for SourceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SourceError {}

/// A storage binding of group 1, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramBinding {
    /// The program's operand k, and the output that is written in its place, if any.
    Operand(usize, Option<usize>),
    /// The program's output k.
    Output(usize),
}

/// The storage bindings of group 1.
pub fn program_bindings(program: &Program) -> Vec<ProgramBinding> {
    let in_place = |k: usize| program.in_place.iter().position(|p| *p == Some(k));
    let operands = (0..program.operands.len()).map(|k| ProgramBinding::Operand(k, in_place(k)));
    let outputs = program.in_place.iter().enumerate().filter(|(_, p)| p.is_none());
    operands.chain(outputs.map(|(k, _)| ProgramBinding::Output(k))).collect()
}

/// Whether a dispatch reads the row of the step table.
pub fn reads_step(program: &Program) -> bool {
    program.instrs.iter().any(|i| matches!(i, Instr::Step(_) | Instr::Rand(_)))
}

/// The whole source.
///
/// # Errors
/// The table has no such kernel or the kernel no such override, or the program is not well formed.
pub fn source(request: &Request) -> Result<String, SourceError> {
    let row = kernel(request.kernel)
        .ok_or_else(|| SourceError(format!("the kernel table has no row {}", request.kernel)))?;
    let body = kernel_text(row, request)?;
    let program = if is_identity(request.program) {
        library::IDENTITY_STORE.to_string()
    } else {
        store_function(request.program, request.writable_operands)?
    };
    let uniforms = uniforms(request.program.words());
    let library = library::needed(&format!("{body}\n{program}"));
    Ok([library.as_str(), &uniforms, &body, &program].join("\n"))
}

fn is_identity(program: &Program) -> bool {
    program.instrs == [Instr::Root] && program.outputs == [0] && program.in_place == [None]
}

/// The kernel's file with the overrides and accesses of the request.
fn kernel_text(row: &Kernel, request: &Request) -> Result<String, SourceError> {
    let mut text = row.wgsl.to_string();
    for (name, value) in request.overrides {
        let default = row.overrides.iter().find(|(n, _)| n == name);
        let (_, default) =
            default.ok_or_else(|| SourceError(format!("kernel {} has no override {name}", row.name)))?;
        let (from, to) = (declaration(name, *default), declaration(name, *value));
        text = replaced(row, &text, &from, &to)?;
    }
    for (k, (name, access)) in row.bindings.iter().enumerate() {
        if request.writable >> k & 1 == 1 && *access == Access::Read {
            text = replaced(
                row,
                &text,
                &format!("var<storage, read> {name}:"),
                &format!("var<storage, read_write> {name}:"),
            )?;
        }
    }
    Ok(text)
}

fn declaration(name: &str, value: u32) -> String {
    format!("const {name}: u32 = {value}u;")
}

fn replaced(row: &Kernel, text: &str, from: &str, to: &str) -> Result<String, SourceError> {
    match text.matches(from).count() {
        1 => Ok(text.replace(from, to)),
        n => Err(SourceError(format!("shaders/{}.wgsl has {n} times `{from}`, not once", row.name))),
    }
}

/// The uniform of a dispatch: the kernel's `Params`, then the program's words.
fn uniforms(words: usize) -> String {
    let program = match words.div_ceil(4) {
        0 => String::new(),
        n => format!("    program: array<vec4<u32>, {n}>,\n"),
    };
    format!(
        "struct Uniforms {{\n    params: Params,\n{program}}}\n\n@group(2) @binding(0) var<uniform> uniforms: Uniforms;\n"
    )
}

fn type_name(scalar: Scalar) -> &'static str {
    match scalar {
        Scalar::F32 => "f32",
        Scalar::I32 => "i32",
        Scalar::U32 => "u32",
    }
}

/// Declarations of group 1 and the function `store`.
fn store_function(program: &Program, writable: u32) -> Result<String, SourceError> {
    check(program)?;
    let mut text = String::new();
    for (binding, what) in program_bindings(program).into_iter().enumerate() {
        let (name, access, ty) = match what {
            ProgramBinding::Operand(k, written) => {
                let access = if written.is_some() || writable >> k & 1 == 1 { "read_write" } else { "read" };
                (format!("operand{k}"), access, type_name(program.operands[k].scalar))
            }
            ProgramBinding::Output(k) => (format!("output{k}"), "read_write", "f32"),
        };
        let _ = writeln!(text, "@group(1) @binding({binding}) var<storage, {access}> {name}: array<{ty}>;");
    }
    text.push_str("\nfn store(i: u32, value: f32) {\n");
    let first_words = program.operands.iter().scan(0, |next, o| {
        *next += o.map.words();
        Some(*next - o.map.words())
    });
    let first_words: Vec<usize> = first_words.collect();
    for (id, instr) in program.instrs.iter().enumerate() {
        let value = match instr {
            Instr::Load(k) => {
                let at = index(&mut text, *k, program.operands[*k].map, first_words[*k]);
                match program.operands[*k].scalar {
                    Scalar::F32 => format!("operand{k}[{at}]"),
                    _ => format!("f32(operand{k}[{at}])"),
                }
            }
            Instr::Root => "value".into(),
            Instr::Const(c) => constant(*c),
            Instr::Step(column) => format!("step_column({column}u)"),
            Instr::Rand(stream) => format!("uniform_draw({stream}u, i)"),
            Instr::Call(func, args) => {
                let mut call = func.wgsl.to_string();
                for (n, arg) in args.iter().enumerate() {
                    call = call.replace(&format!("{{{n}}}"), &format!("v{arg}"));
                }
                call
            }
        };
        let _ = writeln!(text, "    let v{id} = {value};");
    }
    for (k, (id, in_place)) in program.outputs.iter().zip(&program.in_place).enumerate() {
        let _ = match in_place {
            Some(operand) => writeln!(text, "    operand{operand}[i] = v{id};"),
            None => writeln!(text, "    output{k}[i] = v{id};"),
        };
    }
    text.push_str("}\n");
    Ok(text)
}

/// The expression of an operand's index; statements that it needs go to `text`.
fn index(text: &mut String, operand: usize, map: IndexMap, first_word: usize) -> String {
    let word = |w: usize| format!("uniforms.program[{}].{}", w / 4, ["x", "y", "z", "w"][w % 4]);
    match map {
        IndexMap::Same => "i".into(),
        IndexMap::Scalar => "0u".into(),
        IndexMap::Tail => format!("i % {}", word(first_word)),
        IndexMap::Head => format!("i / {}", word(first_word)),
        IndexMap::Strided(rank) => {
            let _ = writeln!(text, "    var rest{operand} = i;\n    var at{operand} = 0u;");
            for axis in 0..usize::from(rank) {
                let (length, stride) = (word(first_word + 2 * axis), word(first_word + 2 * axis + 1));
                let _ = writeln!(text, "    at{operand} += rest{operand} % {length} * {stride};");
                let _ = writeln!(text, "    rest{operand} /= {length};");
            }
            format!("at{operand}")
        }
    }
}

/// An f32 literal that is read back as the same number; infinities and NaN have none in WGSL.
fn constant(value: f64) -> String {
    let value = value as f32;
    if value.is_nan() {
        "not_a_number()".into()
    } else if value.is_infinite() {
        if value > 0.0 { "infinity()".into() } else { "(-infinity())".into() }
    } else {
        format!("f32({value:?})")
    }
}

/// Whether every number in the program names something that is there, and was made before.
fn check(program: &Program) -> Result<(), SourceError> {
    let wrong = |what: String| Err(SourceError(format!("program: {what}")));
    for (id, instr) in program.instrs.iter().enumerate() {
        match instr {
            Instr::Load(k) if *k >= program.operands.len() => return wrong(format!("no operand {k}")),
            Instr::Step(c) if STEP_COLUMNS + c >= crate::dispatch::STEP_WORDS => {
                return wrong(format!("no step column {c}"));
            }
            Instr::Call(f, args) if args.len() != f.arity || args.iter().any(|a| *a >= id) => {
                return wrong(format!("value {id}: arguments {args:?} of {}", f.name));
            }
            _ => {}
        }
    }
    if program.outputs.is_empty() || program.outputs.len() != program.in_place.len() {
        return wrong("no outputs".into());
    }
    if program.outputs.iter().any(|o| *o >= program.instrs.len()) {
        return wrong(format!("outputs {:?} of {} values", program.outputs, program.instrs.len()));
    }
    for operand in program.in_place.iter().flatten() {
        match program.operands.get(*operand) {
            Some(o) if o.map == IndexMap::Same && o.scalar == Scalar::F32 => {}
            _ => return wrong(format!("operand {operand} cannot be updated in place")),
        }
    }
    Ok(())
}
