//! Checkpoints that are saved over older ones of the same prefix: two groups of files, one after the other.

use super::*;
use fake_dav::Fault;

/// Saves over an older checkpoint on a server that does badly; checks that one is in force, and that the next save puts all in order.
fn overwrite(fault: &Fault, shards: (usize, usize), context: &str) {
    let server = FakeDav::start();
    let prefix = server.at("cp.ckpt");
    save_checkpoint(&prefix, 1.0, shards.0).expect("saves");
    server.fault(fault.clone());
    let result = save_checkpoint(&prefix, 2.0, shards.1);
    server.heal();
    let loaded = load(&prefix, 5);
    match &result {
        Ok(()) => assert_eq!(loaded, Ok(2.0), "{context}: it said that all was well: {:?}", server.names("")),
        Err(error) => {
            let index_is_told = told(&server, "", error).iter().any(|name| name.contains(".index."));
            assert!(
                matches!(loaded, Ok(1.0 | 2.0)) || index_is_told,
                "{context}: {loaded:?} after {error}: {:?}",
                server.names("")
            );
        }
    }
    save_checkpoint(&prefix, 3.0, shards.1).expect("saves");
    assert_eq!(load(&prefix, 5), Ok(3.0), "{context}");
    let left: Vec<_> = server.names("").into_iter().filter(|name| is_temporary(name)).collect();
    assert!(left.is_empty(), "{context}: {left:?}");
}

#[test]
fn every_request_of_an_overwritten_checkpoint_fails_in_turn() {
    let effects: [(&str, Effect); 7] = [
        ("removes and answers 423", drops_all(Some(423))),
        ("removes and cuts", drops_all(None)),
        ("removes, cuts and is busy", Effect::Die),
        ("answers 507", Effect::Refuse(507)),
        ("answers 207", Effect::Partly),
        ("is cut after all", Effect::LoseAnswer),
        ("answers 200 and does nothing", Effect::Page),
    ];
    for shards in [(1, 1), (2, 2), (1, 2)] {
        for (what, effect) in &effects {
            for method in ["MOVE", "COPY"] {
                for skip in 0..6 {
                    for times in [1, usize::MAX] {
                        let fault = Fault::on(method, effect.clone()).after(skip).times(times);
                        let context = format!("{shards:?}: {method} {skip} {what}, {times} times");
                        overwrite(&fault, shards, &context);
                    }
                }
            }
        }
    }
}

#[test]
fn a_server_that_is_full_from_some_request_on() {
    for skip in 0..5 {
        let fault = Fault::on("PUT", Effect::Refuse(507)).after(skip);
        overwrite(&fault, (1, 1), &format!("full from the PUT {skip} on"));
    }
}

/// The temporary index may be all that is left of the checkpoint.
#[test]
fn a_lost_index_outlives_a_save_that_sends_nothing() {
    for skip in 0..4 {
        let server = FakeDav::start();
        let prefix = server.at("cp.ckpt");
        save_checkpoint(&prefix, 1.0, 1).expect("saves");
        server.fault(Fault::on("MOVE", drops_all(Some(423))).after(skip));
        let result = save_checkpoint(&prefix, 2.0, 1);
        server.heal();
        let kept = server.all("");
        server.fault(Fault::on("PUT", Effect::Refuse(507)));
        save_checkpoint(&prefix, 3.0, 1).expect_err("full");
        server.heal();
        let lost: Vec<_> = kept
            .iter()
            .filter(|(name, bytes)| name.contains(".index.") && server.all("").get(*name) != Some(*bytes))
            .collect();
        assert!(lost.is_empty() || load(&prefix, 5).is_ok(), "MOVE {skip}, {result:?}: {lost:?}");
    }
}
