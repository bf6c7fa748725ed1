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
    /// Bytes of one buffer.
    pub buffer_bytes: u64,
}

impl Caps {
    /// Words of a part of what is larger than one binding: as many as one binds, ending at a multiple of 256 bytes.
    pub fn part_words(&self) -> usize {
        usize::try_from(self.binding_bytes / 256 * 64).unwrap_or(usize::MAX).max(64)
    }

    /// Words of a buffer that can be bound as a whole.
    pub fn buffer_words(&self) -> usize {
        usize::try_from(self.buffer_bytes / 256 * 64).unwrap_or(usize::MAX).min(self.part_words())
    }

    /// Bindings that a stretch of this many words takes.
    pub fn parts(&self, words: usize) -> usize {
        words.div_ceil(self.part_words()).max(1)
    }

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
            buffer_bytes: 256 << 20,
        }
    }

    /// Software Vulkan (lavapipe) under the portable limits.
    pub fn software() -> Self {
        Caps { name: "software".into(), software: true, ..Caps::portable() }
    }
}
