//! naga reads, validates and translates every kernel in every variant, with and without fused programs.

mod common;

use common::{parsed, translated};
use naga::{AddressSpace, ScalarKind, StorageAccess, TypeInner};
use rhyton_kernels::expr::Expr;
use rhyton_kernels::library;
use rhyton_kernels::params::{MatmulStridedParams, PARAMS};
use rhyton_kernels::pointwise::{self, POINTWISE};
use rhyton_kernels::program::{IndexMap, Operand, Program, Scalar};
use rhyton_kernels::source::{Parts, ProgramBinding, Request, bindings_with_parts, program_bindings, source};
use rhyton_kernels::table::{Access, KERNELS, Kernel};

fn request<'a>(row: &'a Kernel, overrides: &'a [(&'static str, u32)], program: &'a Program) -> Request<'a> {
    Request {
        kernel: row.name,
        overrides,
        program,
        writable: 0,
        writable_operands: 0,
        parts: Parts::default(),
    }
}

/// relu(root + bias), kept, and a second output that drops some of it: operands of all kinds.
fn epilogue() -> Program {
    let mut p = Program::identity();
    let bias = p.operand(Operand::new(Scalar::F32, IndexMap::Tail));
    let row = p.operand(Operand::new(Scalar::I32, IndexMap::Head));
    let one = p.operand(Operand::new(Scalar::U32, IndexMap::Scalar));
    let any = p.operand(Operand::new(Scalar::F32, IndexMap::Strided(3)));
    let drop = Expr::Rand(2).lt(0.2).select(0.0, (Expr::In(0) + Expr::In(1)).max(0.0) / 0.8);
    let sum = Expr::In(2) + Expr::In(3) * Expr::In(4) * Expr::Step(5);
    let (a, b) = (p.expr(&drop, &[0, bias, row, one, any]), p.expr(&sum, &[0, bias, row, one, any]));
    p.output(a, None);
    p.output(b, None);
    p
}

/// Adam: three arrays updated in place.
fn update() -> Program {
    let mut p = Program::default();
    let same = Operand::new(Scalar::F32, IndexMap::Same);
    let ids: Vec<usize> = (0..4).map(|_| p.operand(same)).collect();
    let (w, g, m, v) = (Expr::In(0), Expr::In(1), Expr::In(2), Expr::In(3));
    let m = m.clone() + (g.clone() - m) * 0.1;
    let v = v.clone() + (g.clone() * g - v) * 0.001;
    let w = w - m.clone() * Expr::Step(0) / (v.clone().sqrt() + 1e-7);
    for (expr, operand) in [(w, 0), (m, 2), (v, 3)] {
        let id = p.expr(&expr, &ids);
        p.output(id, Some(operand));
    }
    p
}

#[test]
fn every_variant_is_valid_everywhere() {
    for row in KERNELS {
        for overrides in row.variants {
            for program in [Program::identity(), epilogue(), update()] {
                let text = source(&request(row, overrides, &program)).unwrap();
                let (module, info) = parsed(&text);
                for target in row.targets {
                    translated(&module, &info, *target, &text);
                }
            }
        }
    }
}

/// All bindings in two or three parts: still valid, and bound in the order that is told.
#[test]
fn every_variant_is_valid_in_parts() {
    for row in KERNELS {
        for overrides in row.variants {
            for program in [Program::identity(), epilogue(), update()] {
                let count = program_bindings(&program).len();
                let parts = Parts { words: 64, kernel: vec![3; row.bindings.len()], program: vec![2; count] };
                let expected = bindings_with_parts(row.bindings.len(), &parts.kernel).len()
                    + bindings_with_parts(count, &parts.program).len();
                let text = source(&Request { parts, ..request(row, overrides, &program) }).unwrap();
                let (module, info) = parsed(&text);
                let storage = |v: &naga::GlobalVariable| matches!(v.space, AddressSpace::Storage { .. });
                let found = module.global_variables.iter().filter(|(_, v)| storage(v)).count();
                assert_eq!(found, expected, "{}\n{text}", row.name);
                for target in row.targets {
                    translated(&module, &info, *target, &text);
                }
            }
        }
    }
}

#[test]
fn bindings_and_uniforms_are_those_of_the_row() {
    for row in KERNELS {
        for writable in [0, 1] {
            let program = epilogue();
            let text = source(&Request { writable, ..request(row, &[], &program) }).unwrap();
            let (module, _) = parsed(&text);
            let mut kernel = Vec::new();
            for (_, var) in module.global_variables.iter() {
                let Some(binding) = &var.binding else { continue };
                match (binding.group, var.space) {
                    (0, AddressSpace::Storage { access }) => {
                        kernel.push((binding.binding, var.name.clone().unwrap(), access));
                    }
                    (1, AddressSpace::Storage { access }) => {
                        let (name, write) = match program_bindings(&program)[binding.binding as usize] {
                            ProgramBinding::Operand(k, written) => (format!("operand{k}"), written.is_some()),
                            ProgramBinding::Output(k) => (format!("output{k}"), true),
                        };
                        assert_eq!(var.name.as_deref(), Some(name.as_str()));
                        assert_eq!(access.contains(StorageAccess::STORE), write, "{name}");
                    }
                    (2, AddressSpace::Uniform) => {}
                    other => panic!("{}: {:?} at {other:?}", row.name, var.name),
                }
                if (binding.group, binding.binding) == (2, 0) {
                    let TypeInner::Struct { members, .. } = &module.types[var.ty].inner else { panic!() };
                    let TypeInner::Struct { members: params, span } = &module.types[members[0].ty].inner
                    else {
                        panic!()
                    };
                    let names: Vec<_> = params.iter().filter_map(|m| m.name.as_deref()).collect();
                    assert_eq!(names, row.words, "{}", row.name);
                    // Words that are numbers of their own lie one after the other; an array starts at the next vector.
                    for (k, member) in params.iter().enumerate() {
                        let array = matches!(module.types[member.ty].inner, TypeInner::Array { .. });
                        let at = if array { (4 * k as u32).next_multiple_of(16) } else { 4 * k as u32 };
                        assert_eq!(member.offset, at, "{}.{:?}", row.name, member.name);
                    }
                    // The program's words follow at the next vector.
                    assert_eq!(members[1].offset, span.next_multiple_of(16));
                }
            }
            kernel.sort();
            assert_eq!(kernel.len(), row.bindings.len(), "{}", row.name);
            for (k, (at, name, access)) in kernel.iter().enumerate() {
                let (want, in_file) = row.bindings[k];
                let write = in_file == Access::ReadWrite || writable >> k & 1 == 1;
                assert_eq!((*at as usize, name.as_str()), (k, want), "{}", row.name);
                assert_eq!(access.contains(StorageAccess::STORE), write, "{} {name}", row.name);
            }
        }
    }
}

#[test]
fn overrides_are_in_the_files_with_their_defaults() {
    for row in KERNELS {
        for (name, default) in row.overrides {
            let line = format!("const {name}: u32 = {default}u;");
            assert_eq!(row.wgsl.matches(&line).count(), 1, "{}: {line}", row.name);
        }
    }
    let program = Program::identity();
    let unknown = request(KERNELS[0], &[("NOPE", 1)], &program);
    assert!(source(&unknown).unwrap_err().to_string().contains("NOPE"));
}

/// Workgroup memory and invocations of every variant lie within WebGPU's defaults.
#[test]
fn every_variant_is_portable() {
    for row in KERNELS {
        for overrides in row.variants {
            let (module, _) = parsed(&source(&request(row, overrides, &Program::identity())).unwrap());
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).unwrap();
            let shared = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
            let bytes: u32 = shared.map(|(_, v)| layouter[v.ty].size).sum();
            let invocations: u32 = module.entry_points[0].workgroup_size.iter().product();
            assert!(bytes <= 16 << 10 && invocations <= 256, "{}: {bytes} bytes, {invocations}", row.name);
        }
    }
}

#[test]
fn the_same_request_gives_the_same_text() {
    let program = epilogue();
    let make = || source(&request(KERNELS[2], &[], &program)).unwrap();
    assert_eq!(make(), make());
}

/// A random expression over four operands: each function of the table, constants of all sizes, steps and draws.
fn random_expr(next: &mut impl FnMut(usize) -> usize, depth: usize) -> Expr {
    if depth == 0 || next(6) == 0 {
        return match next(5) {
            0 => Expr::Const(
                [0.0, -0.0, 1.0, -1.5e-7, 3.0e38, 1e-40, f64::INFINITY, f64::NEG_INFINITY, f64::NAN][next(9)],
            ),
            1 => Expr::Step(next(60)),
            2 => Expr::Rand(next(4) as u32),
            _ => Expr::In(next(4)),
        };
    }
    let func = POINTWISE[next(POINTWISE.len())];
    let args = (0..func.arity).map(|_| random_expr(next, depth - 1)).collect();
    Expr::Call(func, args)
}

#[test]
fn random_programs_are_valid_everywhere() {
    let mut state = 1u64;
    let mut next = move |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let scalars = [Scalar::F32, Scalar::I32, Scalar::U32];
    let maps = [
        IndexMap::Same,
        IndexMap::Scalar,
        IndexMap::Tail,
        IndexMap::Head,
        IndexMap::Strided(2),
        IndexMap::Strided(5),
    ];
    for i in 0..400 {
        let row = KERNELS[i % KERNELS.len()];
        let mut program = Program::default();
        let inputs: Vec<usize> =
            (0..4).map(|_| program.operand(Operand::new(scalars[next(3)], maps[next(6)]))).collect();
        for _ in 0..1 + next(2) {
            let expr = random_expr(&mut next, 4);
            let id = program.expr(&expr, &inputs);
            program.output(id, None);
        }
        // Slices of a loop.
        program.operands.iter_mut().for_each(|o| o.sliced = next(3) == 0);
        program.sliced_outputs.iter_mut().for_each(|s| *s = next(3) == 0);
        let overrides = row.variants[next(row.variants.len())];
        let text = source(&request(row, overrides, &program)).unwrap();
        let (module, info) = parsed(&text);
        for target in row.targets {
            translated(&module, &info, *target, &text);
        }
    }
}

/// WGSL leaves the accuracy of these to the driver: shaders/common has our own.
#[test]
fn no_kernel_calls_a_function_of_open_accuracy() {
    let open = [
        "exp",
        "exp2",
        "log",
        "log2",
        "pow",
        "sqrt",
        "inverseSqrt",
        "sin",
        "cos",
        "tan",
        "sinh",
        "cosh",
        "tanh",
        "asin",
        "acos",
        "atan",
        "atan2",
        "asinh",
        "acosh",
        "atanh",
        "length",
        "distance",
        "normalize",
        "smoothstep",
        "mix",
    ];
    let texts = KERNELS.iter().map(|k| (k.name, k.wgsl)).chain(library::COMMON.iter().copied());
    for (place, text) in texts.chain(POINTWISE.iter().map(|f| (f.name, f.wgsl))) {
        // Our square root begins with the built-in.
        let code =
            text.lines().filter(|l| !l.trim_start().starts_with("//") && l.trim() != "let y = sqrt(z);");
        for (line, name) in code.flat_map(|l| open.iter().map(move |n| (l, *n))) {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            let calls = |(at, _): (usize, &str)| !line[..at].ends_with(word);
            assert!(!line.match_indices(&format!("{name}(")).any(calls), "{place}: `{name}` in `{line}`");
        }
    }
}

#[test]
fn malformed_programs_are_errors() {
    let fails =
        |p: &Program| source(&request(&rhyton_kernels::table::POINTWISE, &[], p)).unwrap_err().to_string();
    assert!(fails(&Program::default()).contains("no outputs"));
    let mut p = Program::identity();
    p.outputs = vec![7];
    assert!(fails(&p).contains("outputs"));
    let mut p = Program::default();
    let v = p.operand(Operand::new(Scalar::F32, IndexMap::Tail));
    p.output(v, Some(0));
    assert!(fails(&p).contains("in place"));
    let mut p = Program::identity();
    p.instrs.push(rhyton_kernels::program::Instr::Call(&pointwise::ADD, vec![0, 9]));
    assert!(fails(&p).contains("add"));
}

/// The structs of uniforms have the fields that naga finds in the files, each a word behind the one before.
#[test]
fn structs_are_those_of_the_files() {
    for (kernel, fields) in PARAMS {
        let program = Program::identity();
        let (module, _) = parsed(&source(&request(kernel, &[], &program)).unwrap());
        let params = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some("Params"));
        let TypeInner::Struct { members, span } = &params.expect("a struct").1.inner else { panic!() };
        let found: Vec<_> = members.iter().filter_map(|m| m.name.as_deref()).collect();
        assert_eq!(found, *fields, "{}", kernel.name);
        for (k, member) in members.iter().enumerate() {
            let TypeInner::Scalar(scalar) = module.types[member.ty].inner else { panic!("{}", kernel.name) };
            assert_eq!((scalar.kind, scalar.width), (ScalarKind::Uint, 4), "{}", kernel.name);
            assert_eq!(member.offset as usize, 4 * k, "{}", kernel.name);
        }
        assert_eq!(*span as usize, 4 * fields.len(), "{}", kernel.name);
        assert_eq!(kernel.words, *fields, "{}", kernel.name);
    }
}

#[test]
fn words_stand_in_the_order_of_the_fields() {
    let params = MatmulStridedParams { b_column: 7, b_k: 6, a_k: 5, a_row: 4, k: 3, n: 2, m: 1 };
    assert_eq!(Vec::from(params), [1, 2, 3, 4, 5, 6, 7]);
}
