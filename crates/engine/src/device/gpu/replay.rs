//! Replays: rows of the step table in, submits out.

use std::any::Any;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use rhyton_kernels::dispatch::{STEP_TRIP, STEP_WORDS};

use super::context::Context;
use super::memory::GpuMemory;
use super::ready::{ReadyPlan, ready_plan};
use super::{bytes, wgpu};
use crate::Error;
use crate::device::{MemoryRef, Replay, StepRow};
use crate::plan::Plan;

/// Submits that may be unfinished when the next is encoded: one runs, one waits, and the host is no further ahead.
const IN_FLIGHT: usize = 2;

/// Steps whose rows one copy of the step table holds, where there are no loops.
const ROWS: usize = 64;
/// Rows that it holds at most where there are: each step has one for each trip.
const TRIP_ROWS: usize = 4096;

/// A plan made ready on a GPU.
pub struct GpuReplay {
    context: Arc<Context>,
    ready: ReadyPlan,
    /// Rows of the step table, 256 bytes each.
    rows: GpuMemory,
    tables: wgpu::BindGroup,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    /// Rows of a step: as many as the longest loop has trips.
    trips: usize,
    /// Steps of one copy of the table.
    steps: usize,
    /// Kept for as long as the bind groups name them, so that the device's count of bytes is true.
    _memories: Vec<MemoryRef>,
    _uniforms: GpuMemory,
}

impl GpuReplay {
    pub(super) fn new(context: &Arc<Context>, plan: &Plan, memories: Vec<MemoryRef>) -> Result<Self, Error> {
        let ready = ready_plan(context, plan, &memories)?;
        let trips = ready.trips();
        let steps = (TRIP_ROWS / trips).clamp(1, ROWS);
        let rows = GpuMemory::uniform(context, "step table", steps * trips * STEP_WORDS)?;
        let uniforms = GpuMemory::uniform(context, "uniforms", ready.uniforms.len())?;
        let binding = |memory, words| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: memory,
                offset: 0,
                size: wgpu::BufferSize::new(bytes(words)),
            })
        };
        let tables = context.scoped(|| {
            context.queue.write_buffer(&uniforms.buffer, 0, bytemuck::cast_slice(&ready.uniforms));
            context.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("tables"),
                layout: &context.pipelines.tables,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: binding(&uniforms.buffer, ready.largest) },
                    wgpu::BindGroupEntry { binding: 1, resource: binding(&rows.buffer, STEP_WORDS) },
                ],
            })
        })?;
        Ok(GpuReplay {
            context: Arc::clone(context),
            ready,
            rows,
            tables,
            in_flight: VecDeque::new(),
            trips,
            steps,
            _memories: memories,
            _uniforms: uniforms,
        })
    }
}

impl GpuReplay {
    /// Records one replay per row into an encoder of the caller's, on this device: replay k uses slot k of every window. The
    /// rows are copied inside the encoder, so that any number of recordings may go into one encoder, and it may be submitted
    /// at any time, in any order with other submits.
    ///
    /// # Errors
    /// The device is gone, or a window has fewer slots than there are rows. Nothing is recorded then.
    pub fn record(&mut self, encoder: &mut wgpu::CommandEncoder, rows: &[StepRow]) -> Result<(), Error> {
        self.check_slots(rows)?;
        if rows.is_empty() {
            return Ok(());
        }
        let all = self.with_trips(rows);
        let data: &[u8] = bytemuck::cast_slice(&all);
        let (staging, mut view) = self.context.mapped(data.len() as u64, "step rows")?;
        view.copy_from_slice(data);
        drop(view);
        self.context.scoped(|| staging.unmap())?;
        for (chunk, first) in rows.chunks(self.steps).zip((0..).step_by(self.steps)) {
            let words = chunk.len() * self.trips * STEP_WORDS;
            let from = bytes(first * self.trips * STEP_WORDS);
            encoder.copy_buffer_to_buffer(&staging, from, &self.rows.buffer, 0, bytes(words));
            self.encode(encoder, first, chunk.len());
        }
        Ok(())
    }

    /// Encodes `count` replays, the first of them with slot `first` of the windows, from the rows at the step table's start.
    fn encode(&self, encoder: &mut wgpu::CommandEncoder, first: usize, count: usize) {
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
        for k in 0..count {
            for (range, trips) in &self.ready.runs {
                for trip in 0..*trips {
                    let row = ((k * self.trips + trip) * STEP_WORDS * 4) as u32;
                    for dispatch in &self.ready.dispatches[range.clone()] {
                        let Some([kernel, program]) = dispatch.groups(first + k) else { continue };
                        pass.set_pipeline(&dispatch.pipeline.pipeline);
                        pass.set_bind_group(0, kernel, &[]);
                        pass.set_bind_group(1, program, &[]);
                        pass.set_bind_group(2, &self.tables, &[dispatch.uniform, row]);
                        let [x, y, z] = dispatch.workgroups;
                        pass.dispatch_workgroups(x, y, z);
                    }
                }
            }
        }
    }

    /// The rows of these steps, one for each trip.
    fn with_trips<'a>(&self, rows: &'a [StepRow]) -> Cow<'a, [StepRow]> {
        if self.trips == 1 {
            return rows.into();
        }
        let of = |row: &StepRow| {
            let row = *row;
            (0..self.trips as u32).map(move |trip| {
                let mut row = row;
                row[STEP_TRIP] = trip;
                row
            })
        };
        rows.iter().flat_map(of).collect()
    }

    fn check_slots(&self, rows: &[StepRow]) -> Result<(), Error> {
        match self.ready.slots {
            Some(slots) if rows.len() > slots => Err(self
                .context
                .error(format!("{} steps in one submit, but the windows have {slots} slots", rows.len()))),
            _ => Ok(()),
        }
    }
}

impl Replay for GpuReplay {
    fn run(&mut self, rows: &[StepRow]) -> Result<(), Error> {
        self.check_slots(rows)?;
        self.context.check_alive()?;
        for (chunk, first) in rows.chunks(self.steps).zip((0..).step_by(self.steps)) {
            while self.in_flight.len() >= IN_FLIGHT {
                if let Some(oldest) = self.in_flight.pop_front() {
                    self.context.wait(oldest)?;
                }
            }
            let all = self.with_trips(chunk);
            let submit = self.context.scoped(|| {
                self.context.queue.write_buffer(&self.rows.buffer, 0, bytemuck::cast_slice(&all));
                let mut encoder = self.context.device.create_command_encoder(&Default::default());
                self.encode(&mut encoder, first, chunk.len());
                self.context.queue.submit([encoder.finish()])
            })?;
            self.in_flight.push_back(submit);
        }
        Ok(())
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

debug!(GpuReplay, |replay|);
