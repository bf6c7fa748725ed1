//! What a device can do, as plain data: variants and plans are functions of it.

/// Limits and kind of a device.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caps {
    /// Name of the profile or of the adapter it was read from.
    pub name: String,
    /// True for CPU implementations of Vulkan: they want barrier-free variants with much work per invocation.
    pub software: bool,
    /// Storage buffers that one dispatch may bind.
    pub storage_buffers: u32,
    /// Invocations per workgroup.
    pub invocations: u32,
    /// Bytes of workgroup memory.
    pub workgroup_memory: u32,
    /// Workgroups per dimension of a dispatch.
    pub workgroups: u32,
    /// Bytes of one storage binding.
    pub binding_bytes: u64,
}

impl Caps {
    /// WebGPU's default limits: what every device has.
    pub fn portable() -> Self {
        Caps {
            name: "portable".into(),
            software: false,
            storage_buffers: 8,
            invocations: 256,
            workgroup_memory: 16 << 10,
            workgroups: 65_535,
            binding_bytes: 128 << 20,
        }
    }

    /// Software Vulkan (lavapipe) under the portable limits.
    pub fn software() -> Self {
        Caps { name: "software".into(), software: true, ..Caps::portable() }
    }
}
