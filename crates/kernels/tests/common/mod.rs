//! What shader tests share: naga's front and back ends, with messages that show the source.

use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use rhyton_kernels::table::Target;

/// Parses and validates a source.
pub fn parsed(text: &str) -> (naga::Module, ModuleInfo) {
    let module =
        naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{}\n{text}", e.emit_to_string(text)));
    let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
        .validate(&module)
        .unwrap_or_else(|e| panic!("{}\n{text}", e.emit_to_string(text)));
    (module, info)
}

/// Writes it for a target.
pub fn translated(module: &naga::Module, info: &ModuleInfo, target: Target, text: &str) -> usize {
    use naga::back::{hlsl, msl, spv, wgsl};
    let (module, info) =
        naga::back::pipeline_constants::process_overrides(module, info, None, &Default::default()).unwrap();
    let (module, info) = (module.as_ref(), info.as_ref());
    match target {
        Target::SpirV => {
            let options = spv::Options::default();
            spv::write_vec(module, info, &options, None)
                .unwrap_or_else(|e| panic!("SPIR-V: {e}\n{text}"))
                .len()
        }
        Target::Msl => {
            let options = msl::Options { fake_missing_bindings: true, ..Default::default() };
            let written = msl::write_string(module, info, &options, &Default::default());
            written.unwrap_or_else(|e| panic!("MSL: {e}\n{text}")).0.len()
        }
        Target::Hlsl => {
            let options = hlsl::Options { fake_missing_bindings: true, ..Default::default() };
            let mut out = String::new();
            let pipeline = hlsl::PipelineOptions::default();
            hlsl::Writer::new(&mut out, &options, &pipeline)
                .write(module, info, None)
                .unwrap_or_else(|e| panic!("HLSL: {e}\n{text}"));
            out.len()
        }
        Target::Wgsl => wgsl::write_string(module, info, wgsl::WriterFlags::empty())
            .unwrap_or_else(|e| panic!("WGSL: {e}\n{text}"))
            .len(),
    }
}
