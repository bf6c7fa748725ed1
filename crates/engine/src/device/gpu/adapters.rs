//! Which adapters there are, best first.

use std::fmt;

use super::context::ready;
use super::wgpu;
use crate::Error;

/// An adapter: a GPU, or a CPU implementation of one, as a driver offers it.
pub struct Adapter {
    pub(super) wgpu: wgpu::Adapter,
    /// Name as the driver gives it.
    pub name: String,
    /// `Vulkan`, `Metal`, `Dx12`.
    pub backend: String,
    /// `discrete`, `integrated`, `virtual`, `software` or `other`.
    pub kind: &'static str,
    /// Driver and its version.
    pub driver: String,
}

impl Adapter {
    fn new(adapter: wgpu::Adapter) -> Self {
        let info = adapter.get_info();
        Adapter {
            wgpu: adapter,
            name: info.name,
            backend: format!("{:?}", info.backend),
            kind: kind(info.device_type),
            driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        }
    }

    /// Names of the features that it has, sorted.
    pub fn features(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.wgpu.features().iter_names().map(|(name, _)| name.to_lowercase()).collect();
        names.sort();
        names
    }

    /// The limits that plans depend on.
    pub fn limits(&self) -> Vec<(&'static str, u64)> {
        let limits = self.wgpu.limits();
        vec![
            ("buffer_bytes", limits.max_buffer_size),
            ("binding_bytes", limits.max_storage_buffer_binding_size),
            ("storage_buffers", limits.max_storage_buffers_per_shader_stage.into()),
            ("workgroup_memory", limits.max_compute_workgroup_storage_size.into()),
            ("invocations", limits.max_compute_invocations_per_workgroup.into()),
            ("workgroups", limits.max_compute_workgroups_per_dimension.into()),
        ]
    }

    /// Whether it is a CPU implementation.
    pub fn is_software(&self) -> bool {
        self.kind == "software"
    }

    /// Whether its name or driver contains the text, in any case of letters.
    pub fn matches(&self, part: &str) -> bool {
        let part = part.to_lowercase();
        self.name.to_lowercase().contains(&part) || self.driver.to_lowercase().contains(&part)
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.backend, self.kind)
    }
}

pub(super) fn kind(device: wgpu::DeviceType) -> &'static str {
    match device {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu => "virtual",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    }
}

fn rank(kind: &str) -> usize {
    let order = ["discrete", "integrated", "virtual", "other", "software"];
    order.iter().position(|k| *k == kind).unwrap_or(order.len())
}

/// All adapters of Vulkan, Metal and DX12: discrete, integrated, virtual, others, software.
pub fn list() -> Vec<Adapter> {
    super::quieten();
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let descriptor = wgpu::InstanceDescriptor {
        backends,
        // Validation layers are the driver's developers' tool; wgpu's own checks stay on.
        flags: wgpu::InstanceFlags::empty(),
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    };
    let instance = wgpu::Instance::new(descriptor);
    let found = ready(instance.enumerate_adapters(backends)).unwrap_or_default();
    let mut adapters: Vec<Adapter> = found.into_iter().map(Adapter::new).collect();
    adapters.sort_by_key(|a| rank(a.kind));
    adapters
}

/// The best adapter for a name: `gpu` for any, else a part of its name or driver, in any case of letters.
pub(in crate::device) fn find(name: &str) -> Result<Adapter, Error> {
    let mut list = list();
    let any = name.eq_ignore_ascii_case("gpu");
    if let Some(at) = list.iter().position(|a| any || a.matches(name)) {
        return Ok(list.swap_remove(at));
    }
    let names: Vec<String> = list.iter().map(ToString::to_string).collect();
    let there =
        if names.is_empty() { "there is none".into() } else { format!("there are: {}", names.join("; ")) };
    Err(Error::Device { device: name.into(), what: format!("no such adapter; {there}") })
}

debug!(Adapter, |a| name: a.name, backend: a.backend, kind: a.kind, driver: a.driver);
