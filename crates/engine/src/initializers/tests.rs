//! Moments and bounds of the drawn numbers, and the configs.

use super::*;
use crate::graph::Initializer;

fn moments(values: &[f32]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    (mean, values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n)
}

/// (initializer, mean, variance, bound) for a kernel of shape (3, 3, 40, 60): 360 inputs, 540 outputs.
#[test]
fn moments_are_right() {
    let shape = [3, 3, 40, 60];
    let cut = 0.879_625_661_034_239_8_f64;
    let cases: Vec<(Box<dyn Initializer>, f64, f64, f64)> = vec![
        (Box::new(RandomNormal::new().mean(2.0).stddev(0.5)), 2.0, 0.25, 10.0),
        (Box::new(RandomUniform::new().minval(-1.0).maxval(3.0)), 1.0, 16.0 / 12.0, 3.0),
        (Box::new(TruncatedNormal::new().stddev(0.5)), 0.0, (0.5 * cut).powi(2), 1.0),
        (Box::new(GlorotUniform::new()), 0.0, 2.0 / 900.0, (6.0_f64 / 900.0).sqrt()),
        (Box::new(GlorotNormal::new()), 0.0, 2.0 / 900.0, 2.0 * (2.0_f64 / 900.0).sqrt() / cut),
        (Box::new(LecunNormal::new()), 0.0, 1.0 / 360.0, 2.0 * (1.0_f64 / 360.0).sqrt() / cut),
        (Box::new(LecunUniform::new()), 0.0, 1.0 / 360.0, (3.0_f64 / 360.0).sqrt()),
        (Box::new(HeNormal::new()), 0.0, 2.0 / 360.0, 2.0 * (2.0_f64 / 360.0).sqrt() / cut),
        (Box::new(HeUniform::new()), 0.0, 2.0 / 360.0, (6.0_f64 / 360.0).sqrt()),
        (
            Box::new(
                VarianceScaling::new()
                    .scale(3.0)
                    .mode(Mode::FanOut)
                    .distribution(Distribution::UntruncatedNormal),
            ),
            0.0,
            3.0 / 540.0,
            1.0,
        ),
    ];
    for (initializer, mean, variance, bound) in cases {
        let class = initializer.spec()["class_name"].to_string();
        let values = initializer.init(&shape, 7).unwrap();
        assert_eq!(values.len(), 21600, "{class}");
        let (m, v) = moments(&values);
        // Five standard errors of the mean; the variance's own error is below sqrt(2 / n), 1 %.
        assert!((m - mean).abs() < 5.0 * (variance / 21600.0).sqrt(), "{class}: mean {m}");
        assert!((v / variance - 1.0).abs() < 0.05, "{class}: variance {v}, not {variance}");
        let largest = values.iter().map(|v| v.abs()).fold(0.0, f32::max);
        assert!(f64::from(largest) <= bound * (1.0 + 1e-6), "{class}: {largest} beyond {bound}");
        assert_eq!(values, initializer.init(&shape, 7).unwrap(), "{class}: the same seed, other numbers");
        assert_ne!(values, initializer.init(&shape, 8).unwrap(), "{class}: another seed, the same numbers");
    }
}

#[test]
fn a_seed_of_its_own_wins() {
    let glorot = GlorotUniform::new().seed(3);
    assert_eq!(glorot.init(&[4, 5], 1).unwrap(), glorot.init(&[4, 5], 2).unwrap());
}

/// Rows or columns are orthonormal, for wide, tall, and convolution kernels.
#[test]
fn orthogonal_is_orthogonal() {
    for shape in [&[6_usize, 4][..], &[4, 6], &[5, 5], &[3, 2, 4, 5]] {
        let cols = *shape.last().unwrap();
        let rows = shape.iter().product::<usize>() / cols;
        let q = Orthogonal::new().gain(2.0).init(shape, 5).unwrap();
        let (count, len) = (rows.min(cols), rows.max(cols));
        let at = |v: usize, i: usize| f64::from(if rows >= cols { q[i * cols + v] } else { q[v * cols + i] });
        for a in 0..count {
            for b in 0..count {
                let dot: f64 = (0..len).map(|i| at(a, i) * at(b, i)).sum();
                let want = if a == b { 4.0 } else { 0.0 };
                assert!((dot - want).abs() < 1e-5, "{shape:?}: vectors {a} and {b}: {dot}");
            }
        }
    }
    assert!(Orthogonal::new().init(&[5], 1).is_err());
}

#[test]
fn constants() {
    assert_eq!(Constant::new(0.5).init(&[2], 0).unwrap(), [0.5, 0.5]);
    assert_eq!(Ones::default().init(&[2], 0).unwrap(), [1.0, 1.0]);
    assert_eq!(Identity::new().gain(3.0).init(&[2, 3], 0).unwrap(), [3.0, 0.0, 0.0, 0.0, 3.0, 0.0]);
    assert_eq!(Identity::new().init(&[3, 2], 0).unwrap(), [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
    assert!(Identity::new().init(&[3], 0).is_err());
}
