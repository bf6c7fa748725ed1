//! A name is one device in a process, however often and by whomever it is asked for. Its own process: what is counted is the process's.

mod common;

use common::blobs;
use rhyton::prelude::*;

/// Threads of devices that this process has.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let name =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.map(name).filter(|n| n.starts_with("rhyton-")).count()
}
#[cfg(not(target_os = "linux"))]
fn threads() -> usize {
    0
}

/// Trains a model that was put on no device.
fn train() {
    let (x, y) = blobs(32);
    let mut model = common::network(16);
    common::compile(&mut model, Adam::new());
    model.fit(&x, &y).epochs(1).verbose(0).run().expect("trains");
}

/// One test, since what is counted is the process's.
#[test]
fn a_name_is_one_device() {
    let best = Device::best().expect("a device");
    train();
    let count = threads();
    for _ in 0..10 {
        assert_eq!(Device::best().expect("a device"), best);
        train();
    }
    assert_eq!(threads(), count, "no model opened a device of its own");

    let cpu = Device::cpu().expect("threads");
    assert_eq!(Device::named("CPU", "asked for").expect("threads"), cpu);
    assert_ne!(Device::cpu_threads(1).expect("threads"), cpu, "that one is asked for by itself");
    assert!(Device::named("no such adapter", "asked for").is_err());

    #[cfg(feature = "gpu")]
    if let Some(gpu) = common::gpu() {
        lost_ones_are_opened_again(&gpu);
    }
}

#[cfg(feature = "gpu")]
fn lost_ones_are_opened_again(gpu: &Device) {
    use rhyton::device::gpu::Gpu;
    let again = common::gpu().expect("a GPU");
    assert_eq!(&again, gpu);
    let name = gpu.backend().name().split(" (").next().expect("a name").to_owned();
    assert_eq!(
        &Device::named(&name, "by its whole name").expect("a GPU"),
        gpu,
        "names of one adapter are one device"
    );
    gpu.backend().as_any().downcast_ref::<Gpu>().expect("a GPU").device().destroy();
    let fresh = common::gpu().expect("a GPU");
    assert_ne!(&fresh, gpu, "a lost device is opened again");
    assert_eq!(common::gpu(), Some(fresh.clone()));
    let (x, y) = blobs(32);
    let mut model = common::model(&fresh);
    model.fit(&x, &y).epochs(1).verbose(0).run().expect("trains");
}
