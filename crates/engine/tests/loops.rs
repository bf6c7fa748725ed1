//! Loops: forward and backward, on each device, against the loop of the oracle and central differences of it.

mod common;

use std::collections::HashMap;
use std::time::Instant;

use common::gradients::check_all;
use rhyton_engine::autograd::gradients;
use rhyton_engine::graph::{Edge, Graph, Tensor, scan, trace};
use rhyton_engine::oracle::{self, Given};
use rhyton_engine::plan::{Arenas, Plan, plan};
use rhyton_engine::random::Generator;
use rhyton_engine::types::TensorType;
use rhyton_kernels::caps::Caps;

fn given(inputs: &[TensorType]) -> Given {
    let mut g = Generator::new(3, 0);
    let values = |ty: &TensorType| (0..ty.len()).map(|_| f64::from(0.5 * g.normal() as f32)).collect();
    let inputs: HashMap<usize, Vec<f64>> = inputs.iter().map(values).enumerate().collect();
    Given { inputs, ..Given::default() }
}

/// Checks what a function makes of inputs of these shapes.
fn check(name: &str, shapes: &[&[usize]], make: impl Fn(&[Tensor]) -> Tensor) {
    let inputs: Vec<TensorType> = shapes.iter().map(|s| TensorType::f32(*s)).collect();
    check_all(name, &inputs, &given(&inputs), &vec![true; inputs.len()], 1e-5, make);
}

/// All of a tensor as one row.
fn flat(t: Tensor) -> Tensor {
    t.reshape([t.ty().len()])
}

/// A recurrent network: x of [trips, batch, features], h, the kernels, a bias.
fn recurrent(xs: &[Tensor], reversed: bool) -> (Vec<Tensor>, Vec<Tensor>) {
    let &[x, h, kernel, recurrent, bias] = xs else { panic!("five inputs") };
    let trips = x.shape()[0];
    scan(trips, reversed, &[h], &[x], |carried, slices| {
        let next = (slices[0].matmul(kernel) + carried[0].matmul(recurrent) + bias).tanh();
        (vec![next], vec![next])
    })
}

const RECURRENT: [&[usize]; 5] = [&[4, 3, 2], &[3, 5], &[2, 5], &[5, 5], &[5]];

#[test]
fn a_recurrent_network() {
    for reversed in [false, true] {
        check("last", &RECURRENT, |xs| recurrent(xs, reversed).0[0]);
        check("all", &RECURRENT, |xs| recurrent(xs, reversed).1[0]);
        check("both", &RECURRENT, |xs| {
            let (last, all) = recurrent(xs, reversed);
            Tensor::concat(&[flat(last[0]), flat(all[0]).relu()], 0)
        });
    }
}

#[test]
fn what_is_carried_in_many_ways() {
    // The next values change places; one stays as it is; one is given out as it was before.
    check("exchanged", &[&[3, 2, 4], &[2, 4], &[2, 4], &[2, 4]], |xs| {
        let (last, stacked) = scan(3, false, &xs[1..], &xs[..1], |c, s| {
            (vec![c[1] * s[0], c[0], c[2]], vec![c[0], c[2] + c[1].sigmoid()])
        });
        let all: Vec<Tensor> = last.into_iter().chain(stacked).map(flat).collect();
        Tensor::concat(&all, 0)
    });
    // A sum that the body reads after it was changed, and a count without slices.
    check("summed", &[&[2, 3], &[2, 3]], |xs| {
        let (last, stacked) = scan(5, false, &[xs[0]], &[], |c, _| {
            let next = c[0] * 0.9 + xs[1];
            (vec![next], vec![(next - c[0]).sum(&[1])])
        });
        Tensor::concat(&[flat(last[0]), flat(stacked[0])], 0)
    });
    // One trip.
    check("once", &[&[1, 2, 3], &[2, 3]], |xs| {
        let (_, stacked) = scan(1, true, &xs[1..], &xs[..1], |c, s| (vec![c[0] + s[0]], vec![c[0] * s[0]]));
        flat(stacked[0])
    });
    // Slices that an op reads, and one that goes through as it is.
    check("passed", &[&[3, 4, 2], &[2, 2], &[4, 2]], |xs| {
        let (_, stacked) = scan(3, true, &xs[2..], &xs[..1], |c, s| {
            let y = s[0].softmax();
            (vec![c[0] + y.matmul(xs[1])], vec![y, s[0], xs[1], c[0]])
        });
        Tensor::concat(&stacked.into_iter().map(flat).collect::<Vec<_>>(), 0)
    });
}

/// A weight that is used in several ways, one of them no product.
#[test]
fn weights_inside() {
    check("weights", &[&[3, 2, 4], &[4, 4], &[4]], |xs| {
        let h = Tensor::full(&[2, 4], 0.25);
        let (_, stacked) = scan(3, false, &[h], &xs[..1], |c, s| {
            let next = (c[0].matmul(xs[1]) + s[0].matmul(xs[1])) * xs[2].exp() + s[0] * xs[2];
            (vec![next.tanh()], vec![next])
        });
        flat(stacked[0])
    });
}

/// Two loops, one over what the other gave.
#[test]
fn loops_one_behind_the_other() {
    check("stacked", &RECURRENT, |xs| {
        let first = recurrent(xs, false).1[0];
        let (last, _) = scan(4, true, &[xs[1]], &[first], |c, s| (vec![(c[0] * 0.5 + s[0]).sin()], vec![]));
        last[0]
    });
}

#[test]
fn what_does_not_fit_is_an_error() {
    let x = |shape: &[usize]| Tensor::input(0, TensorType::f32(shape));
    let error = |f: &dyn Fn()| {
        trace(|| {
            f();
            Ok(())
        })
        .map(|_| ())
        .unwrap_err()
        .to_string()
    };
    let wrong = error(&|| {
        let _ = scan(4, false, &[], &[x(&[3, 2])], |_, s| (vec![], s.to_vec()));
    });
    assert!(wrong.contains("a loop of 4 steps over a tensor of shape [3, 2]"), "{wrong}");
    let wrong = error(&|| {
        let _ = scan(3, false, &[x(&[2])], &[], |c, _| (vec![c[0].sum(&[0])], vec![]));
    });
    assert!(wrong.contains("a loop carries"), "{wrong}");
    let wrong = error(&|| {
        let _ = scan(3, false, &[x(&[2])], &[], |c, _| {
            (vec![c[0] + rhyton_engine::ops::random_uniform(&[2])], vec![])
        });
    });
    assert!(wrong.contains("random numbers were drawn inside a loop"), "{wrong}");
    // What a body made is not there outside.
    let kept = std::cell::Cell::new(None);
    let wrong = error(&|| {
        let _ = scan(3, false, &[x(&[2])], &[], |c, _| {
            kept.set(Some(c[0] + 1.0));
            (vec![c[0]], vec![])
        });
        let _ = kept.get().map(|t| t + 1.0);
    });
    assert!(wrong.contains("outside the call that made it"), "{wrong}");
}

fn planned(trips: usize) -> (Plan, std::time::Duration) {
    let start = Instant::now();
    let shapes: [&[usize]; 5] = [&[trips, 3, 2], &[3, 5], &[2, 5], &[5, 5], &[5]];
    let (graph, outputs): (Graph, Vec<Edge>) = trace(|| {
        let xs: Vec<Tensor> =
            shapes.iter().enumerate().map(|(i, s)| Tensor::input(i, TensorType::f32(*s))).collect();
        let loss = recurrent(&xs, false).1[0].square().sum(&[]);
        let found = gradients(loss, &xs)?;
        Ok(found.into_iter().flatten().map(oracle::edge).collect())
    })
    .expect("fits");
    assert_eq!(outputs.len(), 5);
    let plan = plan(&graph, &outputs, &Arenas::default(), &Caps::portable()).expect("plans");
    (plan, start.elapsed())
}

/// A plan does not grow with the trips.
#[test]
fn long_loops_are_planned_like_short_ones() {
    let (short, _) = planned(10);
    let (long, _) = planned(1000);
    let labels = |p: &Plan| p.steps.iter().map(|s| s.label.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&short), labels(&long));
    assert_eq!((short.loops, long.loops.clone()), (vec![10, 10], vec![1000, 1000]));
    assert!(long.totals().dispatches > 1000 && long.report().contains("1000 trips:"), "{}", long.report());
    let time = |trips| (0..5).map(|_| planned(trips).1).min().expect("five");
    let (short, long) = (time(10), time(1000));
    assert!(long < 2 * short, "10 trips take {short:?} to plan, 1000 take {long:?}");
}
