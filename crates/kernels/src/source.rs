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
    /// Says which of them are bound in several parts.
    pub parts: Parts,
}

/// Describes how what is larger than a device binds at once is bound: in parts, one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Words of each part but the last.
    pub words: usize,
    /// Parts of the kernel's bindings (group 0), in order; those that are missing here have one.
    pub kernel: Vec<usize>,
    /// Parts of the program's bindings (group 1).
    pub program: Vec<usize>,
}

/// The bindings of a group whose storage bindings have these parts: number of the storage binding, and which part. All first parts,
/// so that these are numbered as if there were no others, then the rest.
pub fn bindings_with_parts(count: usize, parts: &[usize]) -> Vec<(usize, usize)> {
    let more = |k: usize| (1..parts.get(k).copied().unwrap_or(1)).map(move |part| (k, part));
    (0..count).map(|k| (k, 0)).chain((0..count).flat_map(more)).collect()
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
    program.is_sliced() || program.instrs.iter().any(|i| matches!(i, Instr::Step(_) | Instr::Rand(_)))
}

/// The whole source.
///
/// # Errors
/// The table has no such kernel or the kernel no such override, or the program is not well formed.
pub fn source(request: &Request) -> Result<String, SourceError> {
    let row = kernel(request.kernel)
        .ok_or_else(|| SourceError(format!("the kernel table has no row {}", request.kernel)))?;
    let body = kernel_text(row, request)?;
    let program = if is_identity(request.program) && request.parts.program.iter().all(|n| *n == 1) {
        library::IDENTITY_STORE.to_string()
    } else {
        store_function(request.program, request)?
    };
    let uniforms = uniforms(request.program.words());
    let library = library::needed(&format!("{body}\n{program}"));
    Ok([library.as_str(), &uniforms, &body, &program].join("\n"))
}

fn is_identity(program: &Program) -> bool {
    program.instrs == [Instr::Root]
        && program.outputs == [0]
        && program.in_place == [None]
        && !program.is_sliced()
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
    for (k, part) in bindings_with_parts(row.bindings.len(), &request.parts.kernel) {
        let name = row.bindings[k].0;
        if request.parts.kernel.get(k).is_none_or(|n| *n < 2) {
            continue;
        }
        if part == 0 {
            text = calls_for_indexing(&text, name);
            continue;
        }
        // The first part's declaration says how the others are declared.
        let first = text.lines().find(|l| l.contains(&format!("> {name}: array<"))).map(str::to_owned);
        let first =
            first.ok_or_else(|| SourceError(format!("shaders/{}.wgsl declares no {name}", row.name)))?;
        let (_, ty) = first.split_once("array<").unwrap_or_default();
        let (_, access) = first.split_once("var<storage, ").unwrap_or_default();
        let (ty, access) =
            (ty.split('>').next().unwrap_or_default(), access.split('>').next().unwrap_or_default());
        let at = bindings_with_parts(row.bindings.len(), &request.parts.kernel)
            .iter()
            .position(|b| *b == (k, part));
        let _ = writeln!(
            text,
            "\n@group(0) @binding({}) var<storage, {access}> {name}_{part}: array<{ty}>;",
            at.unwrap_or_default()
        );
        if part + 1 == request.parts.kernel[k] {
            text.push_str(&reads_parts(name, ty, part + 1, request.parts.words));
        }
    }
    Ok(text)
}

/// The function that reads element i of what is bound in several parts.
fn reads_parts(name: &str, ty: &str, parts: usize, words: usize) -> String {
    let mut text = format!("\nfn {name}_element(i: u32) -> {ty} {{\n");
    for part in (1..parts).rev() {
        let first = part * words;
        let _ =
            writeln!(text, "    if (i >= {first}u) {{\n        return {name}_{part}[i - {first}u];\n    }}");
    }
    let _ = writeln!(text, "    return {name}[i];\n}}");
    text
}

/// The function that writes element i of what is bound in several parts.
fn writes_parts(name: &str, parts: usize, words: usize) -> String {
    let mut text = format!("\nfn {name}_set(i: u32, value: f32) {{\n");
    for part in (1..parts).rev() {
        let first = part * words;
        let _ = writeln!(
            text,
            "    if (i >= {first}u) {{\n        {name}_{part}[i - {first}u] = value;\n        return;\n    }}"
        );
    }
    let _ = writeln!(text, "    {name}[i] = value;\n}}");
    text
}

/// The text with every `name[index]` as a call of [`reads_parts`]' function.
fn calls_for_indexing(text: &str, name: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let word = |c: char| c.is_alphanumeric() || c == '_';
    while let Some(at) = rest.find(&format!("{name}[")) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let inside = &from[name.len() + 1..];
        let mut depth = 1;
        let close = inside.find(|c| {
            depth += i32::from(c == '[') - i32::from(c == ']');
            depth == 0
        });
        match close {
            Some(close) if !before.ends_with(word) => {
                let _ = write!(out, "{name}_element(u32({}))", calls_for_indexing(&inside[..close], name));
                rest = &inside[close + 1..];
            }
            _ => {
                out.push_str(&from[..=name.len()]);
                rest = inside;
            }
        }
    }
    out + rest
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
fn store_function(program: &Program, request: &Request) -> Result<String, SourceError> {
    check(program)?;
    let writable = request.writable_operands;
    let mut text = String::new();
    let mut functions = String::new();
    let all = program_bindings(program);
    let parts_of = |what: ProgramBinding| {
        let at = all.iter().position(|b| *b == what);
        at.and_then(|k| request.parts.program.get(k)).copied().unwrap_or(1)
    };
    for (binding, (k, part)) in bindings_with_parts(all.len(), &request.parts.program).into_iter().enumerate()
    {
        let (name, access, ty) = match all[k] {
            ProgramBinding::Operand(k, written) => {
                let access = if written.is_some() || writable >> k & 1 == 1 { "read_write" } else { "read" };
                (format!("operand{k}"), access, type_name(program.operands[k].scalar))
            }
            ProgramBinding::Output(k) => (format!("output{k}"), "read_write", "f32"),
        };
        let (parts, words) = (parts_of(all[k]), request.parts.words);
        if part == 0 && parts > 1 {
            let reads = matches!(all[k], ProgramBinding::Operand(..));
            functions += &if reads { reads_parts(&name, ty, parts, words) } else { String::new() };
            let writes = !matches!(all[k], ProgramBinding::Operand(_, None));
            functions += &if writes { writes_parts(&name, parts, words) } else { String::new() };
        }
        let name = if part == 0 { name } else { format!("{name}_{part}") };
        let _ = writeln!(text, "@group(1) @binding({binding}) var<storage, {access}> {name}: array<{ty}>;");
    }
    text += &functions;
    text.push_str("\nfn store(i: u32, value: f32) {\n");
    let first_words = program.operands.iter().scan(0, |next, o| {
        *next += o.words();
        Some(*next - o.words())
    });
    let first_words: Vec<usize> = first_words.collect();
    let mut output_words: usize = program.operands.iter().map(|o| o.words()).sum();
    for (id, instr) in program.instrs.iter().enumerate() {
        let value = match instr {
            Instr::Load(k) => {
                let operand = program.operands[*k];
                let mut at = index(&mut text, *k, operand.map, first_words[*k]);
                if operand.sliced {
                    at = format!("{at} + {}", slice(first_words[*k] + operand.map.words()));
                }
                let whole = all
                    .iter()
                    .any(|b| matches!(b, ProgramBinding::Operand(o, _) if o == k) && parts_of(*b) == 1);
                let element =
                    if whole { format!("operand{k}[{at}]") } else { format!("operand{k}_element({at})") };
                match program.operands[*k].scalar {
                    Scalar::F32 => element,
                    _ => format!("f32({element})"),
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
        let (name, binding) = match in_place {
            Some(operand) => (format!("operand{operand}"), ProgramBinding::Operand(*operand, Some(k))),
            None => (format!("output{k}"), ProgramBinding::Output(k)),
        };
        let mut at = "i".to_owned();
        if program.sliced_outputs[k] {
            at = format!("i + {}", slice(output_words));
            output_words += 2;
        }
        let _ = match parts_of(binding) {
            1 => writeln!(text, "    {name}[{at}] = v{id};"),
            _ => writeln!(text, "    {name}_set({at}, v{id});"),
        };
    }
    text.push_str("}\n");
    Ok(text)
}

/// A word of the program's uniform.
fn word(w: usize) -> String {
    format!("uniforms.program[{}].{}", w / 4, ["x", "y", "z", "w"][w % 4])
}

/// Returns where a trip's slice begins, whose uniform words begin with this one.
fn slice(first_word: usize) -> String {
    format!("{} + step_trip() * {}", word(first_word), word(first_word + 1))
}

/// The expression of an operand's index; statements that it needs go to `text`.
fn index(text: &mut String, operand: usize, map: IndexMap, first_word: usize) -> String {
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
    if program.outputs.is_empty()
        || program.outputs.len() != program.in_place.len()
        || program.outputs.len() != program.sliced_outputs.len()
    {
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
