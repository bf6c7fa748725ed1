//! Every function of the pointwise table on every device against its f64 definition, over the whole range of f32 and at its edges:
//! no result may be further off than its row says.

mod common;

use rhyton_engine::device::Backend;
use rhyton_engine::device::once::run_once;
use rhyton_engine::graph::{Expr, Tensor, trace};
use rhyton_engine::ops::pointwise;
use rhyton_engine::oracle::{self, Given};
use rhyton_engine::types::TensorType;
use rhyton_kernels::pointwise::{Func, POINTWISE};

/// Results of a function for these arguments.
fn run(backend: &dyn Backend, func: &'static Func, arguments: &[Vec<f32>]) -> Vec<f64> {
    let count = arguments[0].len();
    let (graph, out) = trace(|| {
        let xs: Vec<Tensor> = (0..func.arity).map(|k| Tensor::input(k, TensorType::f32([count]))).collect();
        Ok(oracle::edge(pointwise(Expr::Call(func, (0..func.arity).map(Expr::In).collect()), &xs, None)))
    })
    .expect("a graph");
    let widen = |a: &Vec<f32>| a.iter().map(|x| f64::from(*x)).collect();
    let given = Given { inputs: arguments.iter().map(widen).enumerate().collect(), ..Given::default() };
    let ran = run_once(backend, &graph, &[out], &given, pollster::block_on::<rhyton_engine::graph::Reading>);
    ran.expect("runs").outputs.swap_remove(0)
}

/// Returns how far off a result is, in units of the last place of f32.
fn ulps(got: f64, want: f64) -> f64 {
    const LARGEST: f64 = f32::MAX as f64;
    let smallest = f64::from(f32::MIN_POSITIVE);
    if want.is_nan() || got.is_nan() {
        return if want.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    // Infinity is the number after the largest one.
    let next = LARGEST * (1.0 + 2f64.powi(-24));
    let (got, want) = (got.clamp(-next, next), want.clamp(-next, next));
    let difference = (got - want).abs();
    if want.abs() < smallest && difference <= smallest {
        return 0.0;
    }
    difference / 2f64.powi(want.abs().max(smallest).log2().floor() as i32 - 23)
}

/// Returns how far off a result is, where arguments below the smallest normal number may count as zeros.
fn error(func: &Func, at: &[f32], got: f64) -> f64 {
    let small: Vec<usize> = (0..at.len()).filter(|k| at[*k].is_subnormal()).collect();
    let choices = (0..1 << small.len()).map(|chosen: usize| {
        let mut at: Vec<f64> = at.iter().map(|x| f64::from(*x)).collect();
        let zeros = small.iter().enumerate().filter(|(bit, _)| chosen >> bit & 1 == 1);
        zeros.for_each(|(_, k)| at[*k] *= 0.0);
        ulps(got, (func.host)(&at))
    });
    choices.fold(f64::INFINITY, f64::min)
}

/// Returns where functions have their edges: ends of the range, where pieces meet, zeros of the sine, with their neighbours.
fn edges() -> Vec<f32> {
    let pi = std::f32::consts::PI;
    let quarters = (1..40).map(|k| k as f32 * pi / 4.0);
    let places = [
        0.0,
        1e-45,
        1e-40,
        f32::MIN_POSITIVE,
        1e-30,
        1e-10,
        1e-4,
        0.2928932,
        0.34657,
        0.41421,
        0.5,
        0.56,
        std::f32::consts::FRAC_1_SQRT_2,
        1.0,
        std::f32::consts::SQRT_2,
        1.5,
        2.0,
        3.0,
        4.0,
        8.0,
        10.0,
        16.6,
        17.0,
        20.0,
        24.5,
        87.0,
        87.34,
        88.0,
        88.376,
        88.72283,
        88.73,
        89.0,
        100.0,
        103.97,
        104.0,
        150.0,
        1e4,
        16_777_215.0,
        16_777_216.0,
        2_147_483_648.0,
        1e19,
        1e30,
        1.7e38,
        3.4e38,
        f32::MAX,
    ];
    let near = |x: f32| (-3i32..=3).map(move |k| f32::from_bits(x.to_bits().saturating_add_signed(k)));
    let mut list: Vec<f32> = places.into_iter().chain(quarters).flat_map(near).collect();
    list.extend([f32::INFINITY, f32::NAN]);
    list.iter().flat_map(|x| [*x, -*x]).collect()
}

/// A number from 0 to 2³² for each i, in no order.
fn scattered(i: u32) -> u32 {
    let x = (i ^ (i >> 16)).wrapping_mul(0x85eb_ca6b);
    let x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// Arguments of a function of one argument: the edges, numbers from -20 to 20, and all of f32.
fn line() -> Vec<f32> {
    let steps = (0..1 << 16).map(|i| (i as f32 - 32_768.0) * (20.0 / 32_768.0));
    let everywhere = (0..1u32 << 18).map(|i| f32::from_bits((i << 14) + scattered(i) % (1 << 14)));
    edges().into_iter().chain(steps).chain(everywhere).collect()
}

/// Arguments of a function of two or three: edges with edges, usual numbers, such as have a power that is a number, and any.
fn plane(arity: usize) -> Vec<Vec<f32>> {
    let edges: Vec<f32> = edges().into_iter().step_by(if arity == 2 { 3 } else { 37 }).collect();
    let mut columns = vec![Vec::new(); arity];
    for i in 0..edges.len().pow(arity as u32) {
        (0..arity).for_each(|k| columns[k].push(edges[i / edges.len().pow(k as u32) % edges.len()]));
    }
    let unit = |i: u32| scattered(i) as f32 / 4_294_967_296.0;
    for i in 0..1u32 << 16 {
        let usual = |k: u32| (unit(3 * i + k) - 0.5) * 40.0;
        (0..arity).for_each(|k| columns[k].push(usual(k as u32)));
        (0..arity).for_each(|k| columns[k].push(f32::from_bits(scattered(3 * i + k as u32 + 77))));
        let base = if i % 2 == 0 { unit(3 * i) * 3.0 } else { 1.0 + (unit(3 * i) - 0.5) * 1e-3 };
        let exponent = (unit(3 * i + 1) - 0.5) * 176.0 / base.ln();
        (0..arity).for_each(|k| columns[k].push([base, exponent, 1.0][k]));
    }
    columns
}

/// Returns whether WGSL says anything about the result.
fn is_defined(func: &Func, at: &[f32]) -> bool {
    let size = 2f32.powi(126);
    func.name != "div" || at[1] == 0.0 || (at[1].is_normal() && at[1].abs() <= size)
}

#[test]
fn no_function_is_further_off_than_its_row_says() {
    let (line, planes) = (vec![line()], [plane(2), plane(3)]);
    let loose = POINTWISE.iter().find(|func| func.ulps > 4.0);
    assert!(loose.is_none(), "{:?} may be off by more than 4 ulp", loose.map(|func| func.name));
    let mut wrong = Vec::new();
    for backend in common::devices() {
        for func in POINTWISE.iter().copied() {
            let arguments = if func.arity == 1 { &line } else { &planes[func.arity - 2] };
            let results = run(backend, func, arguments);
            let mut worst = (0.0, vec![], 0.0);
            for (i, got) in results.into_iter().enumerate() {
                let at: Vec<f32> = arguments.iter().map(|a| a[i]).collect();
                let off = if is_defined(func, &at) { error(func, &at, got) } else { 0.0 };
                if off > worst.0 {
                    worst = (off, at, got);
                }
            }
            let (off, at, got) = worst;
            // What the definition itself is off by, in f64.
            if off > func.ulps + 1e-6 {
                let wide: Vec<f64> = at.iter().map(|x| f64::from(*x)).collect();
                let (name, want) = (func.name, (func.host)(&wide));
                wrong
                    .push(format!("{}: {name}{at:?} is {got:e}, not {want:e}: {off:.2} ulp", backend.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
