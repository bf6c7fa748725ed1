//! Runs one plan on two devices, step by step, and finds the first step whose output differs: layer, kernels, worst element.

use std::sync::Arc;

use super::{Backend, MemoryRef, Reading, StepRow};
use crate::Error;
use crate::plan::{Buffer, Plan, Role, Step};

/// The first difference between two devices.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Number of the step.
    pub step: usize,
    /// Its layer and ops.
    pub label: String,
    /// The kernels that a GPU runs for it.
    pub kernels: Vec<&'static str>,
    /// Name of the buffer that its output lies in.
    pub buffer: String,
    /// The element that differs most.
    pub element: usize,
    /// Its value on the first and on the second device.
    pub values: (f32, f32),
    /// Its difference relative to 1 + |value|.
    pub relative: f64,
}

/// Runs every step of a plan on both devices from the same memory (`initial` gives a buffer's words; zeros where it gives none), and
/// returns the first output that differs by more than `tolerance` relative to 1 + |value|. Each step starts from what the first
/// device had before it, so that differences do not add up. `wait` waits for a read.
///
/// # Errors
/// A device cannot run the plan.
pub fn compare(
    plan: &Plan,
    devices: [&dyn Backend; 2],
    initial: impl Fn(&Buffer) -> Option<Vec<u32>>,
    row: &StepRow,
    tolerance: f64,
    wait: impl Fn(Reading) -> Result<Vec<u32>, Error>,
) -> Result<Option<Difference>, Error> {
    let mut memories: [Vec<MemoryRef>; 2] = [Vec::new(), Vec::new()];
    for buffer in &plan.buffers {
        let image = match &buffer.role {
            Role::Constant(numbers) => Some(numbers.words().to_vec()),
            _ => initial(buffer),
        };
        for (device, memories) in devices.iter().zip(&mut memories) {
            let memory = device.allocate(&buffer.name, buffer.words)?;
            if let Some(words) = &image {
                device.write(&memory, 0, words)?;
            }
            memories.push(memory);
        }
    }
    for (number, step) in plan.steps.iter().enumerate() {
        let one = Arc::new(Plan {
            caps: plan.caps.clone(),
            buffers: plan.buffers.clone(),
            steps: vec![Step { repeat: None, ..step.clone() }],
            loops: vec![],
        });
        for (device, memories) in devices.iter().zip(&memories) {
            device.prepare(&one, memories.clone())?.run(&[*row])?;
        }
        for region in &step.outputs {
            let read =
                |i: usize| wait(devices[i].read(&memories[i][region.buffer], region.offset, region.words));
            let (first, second) = (read(0)?, read(1)?);
            let error = |(a, b): (&u32, &u32)| {
                let (a, b) = (f32::from_bits(*a), f32::from_bits(*b));
                if a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) {
                    return 0.0;
                }
                let relative = f64::from((a - b).abs()) / (1.0 + f64::from(a.abs()));
                if relative.is_nan() { f64::INFINITY } else { relative }
            };
            let errors = first.iter().zip(&second).map(error).enumerate();
            let worst = errors.fold((0, 0.0), |worst, (i, e)| if e > worst.1 { (i, e) } else { worst });
            if worst.1 > tolerance {
                return Ok(Some(Difference {
                    step: number,
                    label: step.label.clone(),
                    kernels: step.dispatches.iter().map(|d| d.kernel).collect(),
                    buffer: plan.buffers[region.buffer].name.clone(),
                    element: worst.0,
                    values: (f32::from_bits(first[worst.0]), f32::from_bits(second[worst.0])),
                    relative: worst.1,
                }));
            }
            devices[1].write(&memories[1][region.buffer], region.offset, &first)?;
        }
    }
    Ok(None)
}
