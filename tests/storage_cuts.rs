//! Saves to servers that are cut off, at some hundred places: what is there then is the older one or the newer one, whole.
//! `cargo xtask servers cargo test --test storage_cuts` starts the servers.

mod common;

use common::proxy::{Proxy, ToClient, ToServer};
use common::servers::dav;
use common::{bits, blobs, cpu, model};
use rhyton::prelude::*;

/// Where a model is saved.
struct Place<'a> {
    direct: Location,
    proxy: Proxy,
    /// The same place through the proxy.
    behind: &'a dyn Fn(&Proxy) -> Location,
    /// Names of all files beside it.
    names: &'a dyn Fn() -> Vec<String>,
    /// Places in each direction at which connections are cut; as many more where the save ends.
    cuts: u64,
}

/// How a model is saved, and loaded again.
struct Way {
    save: fn(&Model, &Location) -> Result<(), Error>,
    load: fn(&Location) -> Model,
}

const MODEL: Way =
    Way { save: |model, place| model.save(place), load: |place| load_model(place).expect("loads") };

const WEIGHTS: Way = Way {
    save: |model, place| model.save_weights(place),
    load: |place| {
        let mut again = model(&cpu());
        again.load_weights(place).expect("loads");
        again
    },
};

/// A model that was trained for some epochs.
fn trained(epochs: usize) -> Model {
    let mut model = model(&cpu());
    let (x, y) = blobs(30);
    model.fit(&x, &y).epochs(epochs).verbose(0).run().expect("trains");
    model
}

/// Saves over and over, cut off after another number of bytes each time.
fn cut_everywhere(place: &Place, way: &Way) {
    let (first, old, new) = (trained(1), trained(2), trained(3));
    let states = [bits(&old), bits(&new)];
    let (direct, proxy) = (&place.direct, &place.proxy);
    (way.save)(&first, direct).expect("saves");
    let names = (place.names)();
    // What a save that is not cut off sends and gets, over the older one.
    (way.save)(&old, &(place.behind)(proxy)).expect("saves");
    let whole = [proxy.bytes(ToServer), proxy.bytes(ToClient)];
    let mut seen = [0, 0];
    for (direction, bytes) in [ToServer, ToClient].into_iter().zip(whole) {
        // All over it, and closely where the last request is, and the last answer: later than in the save that was measured, since
        // what the one before left behind is tidied first.
        let spread = (0..place.cuts).map(|k| bytes * k / place.cuts);
        let end = (0..place.cuts).map(|k| (bytes + 1500).saturating_sub(k * 1600 / place.cuts));
        for cut in spread.chain(end) {
            proxy.cut_after(direction, cut);
            let done = (way.save)(&new, &(place.behind)(proxy).retries(0)).is_ok();
            proxy.pass();
            let now = bits(&(way.load)(direct));
            let which = states.iter().position(|state| *state == now);
            let which = which
                .unwrap_or_else(|| panic!("cut after {cut} of {bytes}: neither the older nor the newer"));
            assert!(which == 1 || !done, "cut after {cut} of {bytes}: said to be saved, but it is not");
            seen[which] += 1;
            if which == 1 {
                (way.save)(&old, direct).expect("saves");
            }
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    (way.save)(&new, direct).expect("saves");
    assert_eq!(bits(&(way.load)(direct)), states[1]);
    assert_eq!((place.names)(), names, "what broken saves left is gone");
}

/// On Apache's WebDAV, over TLS.
fn on_webdav(name: &str, way: &Way) {
    let Some(dav) = dav() else { return };
    let folder = dav.folder("cut");
    let path = format!("dav/{folder}/{name}");
    let place = Place {
        direct: dav.at(&path),
        proxy: dav.proxy(),
        behind: &|proxy| dav.behind(proxy, &path),
        names: &|| dav.names(&folder),
        cuts: 40,
    };
    cut_everywhere(&place, way);
}

#[test]
fn a_file_on_webdav() {
    on_webdav("m.keras", &MODEL);
}

#[test]
fn a_checkpoint_on_webdav() {
    on_webdav("cp.ckpt", &WEIGHTS);
}

#[test]
fn a_saved_model_on_webdav() {
    on_webdav("saved", &MODEL);
}

/// On an S3 server.
#[cfg(feature = "s3")]
fn on_s3(name: &str, way: &Way) {
    let Some(s3) = common::servers::s3() else { return };
    let folder = s3.folder("cut");
    let path = format!("{folder}/{name}");
    let place = Place {
        direct: s3.at(&path),
        proxy: s3.proxy(),
        behind: &|proxy| s3.behind(proxy, &path),
        names: &|| {
            let entries = rhyton::storage::list(s3.at(&folder)).expect("lists");
            entries.into_iter().map(|entry| entry.name).collect()
        },
        cuts: 15,
    };
    cut_everywhere(&place, way);
}

#[cfg(feature = "s3")]
#[test]
fn a_file_on_s3() {
    on_s3("m.keras", &MODEL);
}

#[cfg(feature = "s3")]
#[test]
fn a_checkpoint_on_s3() {
    on_s3("cp.ckpt", &WEIGHTS);
}

/// Of the same architecture: there the files of a SavedModel fit each other at every moment.
#[cfg(feature = "s3")]
#[test]
fn a_saved_model_on_s3() {
    on_s3("saved", &MODEL);
}
