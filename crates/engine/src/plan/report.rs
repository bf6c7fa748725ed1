//! The plan as text, by step: what runs, why that variant, how much it computes and moves, and how far that is from the floor.

use std::fmt::Write;

use super::{Plan, Role, Step};

/// Sums over a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Dispatches on a GPU.
    pub dispatches: usize,
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes moved, each operand of a dispatch once.
    pub bytes: u64,
    /// Bytes that must be moved: every input, parameter and slot read once, and written once where it changes.
    pub floor: u64,
}

impl Step {
    /// Floating-point operations.
    pub fn flops(&self) -> u64 {
        let root = self.root.as_ref().map_or(0, |r| r.op.flops(&r.inputs, &r.output));
        root + self.program.flops() * self.count as u64
    }

    /// Bytes moved: each operand read once, each output written once.
    pub fn bytes(&self) -> u64 {
        let root = self.root.iter().flat_map(|r| &r.regions);
        4 * root.chain(&self.operands).chain(&self.outputs).map(|r| r.words as u64).sum::<u64>()
    }
}

impl Plan {
    /// Sums over all steps.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let (mut read, mut written) = (Vec::new(), Vec::new());
        for step in &self.steps {
            let trips = self.trips(step);
            totals.dispatches += step.dispatches.len() * trips;
            totals.flops += step.flops() * trips as u64;
            totals.bytes += step.bytes() * trips as u64;
            let outside = |r: &&super::Region| {
                matches!(
                    self.buffers[r.buffer].role,
                    Role::Arena | Role::Input(_) | Role::Constant(_) | Role::Output(_)
                )
            };
            let all = |r: &super::Region| r.whole(trips).0;
            read.extend(
                step.root.iter().flat_map(|r| &r.regions).chain(&step.operands).filter(outside).map(all),
            );
            written.extend(step.outputs.iter().filter(outside).map(all));
        }
        for list in [&mut read, &mut written] {
            list.sort_by_key(|r| (r.buffer, r.offset, r.words));
            list.dedup();
            totals.floor += 4 * list.iter().map(|r| r.words as u64).sum::<u64>();
        }
        totals
    }

    /// The report: a line per step with its dispatches, and the totals.
    pub fn report(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "plan for {}", self.caps.name);
        for (i, buffer) in self.buffers.iter().enumerate() {
            let _ = writeln!(out, "  b{i} {} ({:?}, {} words)", buffer.name, buffer.role, buffer.words);
        }
        let name = |r: &super::Region| {
            let moves = if r.stride == 0 { String::new() } else { format!(" {:+} a trip", r.stride) };
            format!("b{}[{}..{}{moves}]", r.buffer, r.offset, r.offset + r.words)
        };
        let list = |rs: &[super::Region]| rs.iter().map(name).collect::<Vec<_>>().join(" ");
        for (i, step) in self.steps.iter().enumerate() {
            if step.repeat.is_some() && (i == 0 || self.steps[i - 1].repeat != step.repeat) {
                let _ = writeln!(out, "    {} trips:", self.trips(step));
            }
            let _ = writeln!(out, "{i:3} {}{}", if step.repeat.is_some() { "  " } else { "" }, step.label);
            let root = step.root.as_ref().map_or(String::new(), |r| format!("{} | ", list(&r.regions)));
            let _ = writeln!(out, "      {root}{} -> {}", list(&step.operands), list(&step.outputs));
            for d in &step.dispatches {
                let overrides: Vec<String> = d.overrides.iter().map(|(n, v)| format!("{n}={v}")).collect();
                let _ = writeln!(
                    out,
                    "      {} [{}] {:?} {}",
                    d.kernel,
                    overrides.join(" "),
                    d.workgroups,
                    d.why
                );
            }
            let _ = writeln!(out, "      {} FLOP, {} bytes", step.flops(), step.bytes());
        }
        let t = self.totals();
        let _ = writeln!(
            out,
            "{} dispatches, {} FLOP, {} bytes moved, floor {} bytes",
            t.dispatches, t.flops, t.bytes, t.floor
        );
        out
    }
}
