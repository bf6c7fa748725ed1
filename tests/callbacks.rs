//! Callbacks that steer training: EarlyStopping, and a user's own.

mod common;

use common::{bits, blobs, compile, cpu, model, network};
use rhyton::prelude::*;

#[test]
fn early_stopping_stops() {
    let (x, y) = blobs(60);
    let mut model = network(16);
    model.to(&cpu()).expect("moves");
    compile(&mut model, SGD::new().learning_rate(0.0));
    // Nothing is learned at a rate of 0: the first epoch is the best, two more are waited for.
    let mut stop = EarlyStopping::new().patience(2);
    let fit = model.fit(&x, &y).validation_split(0.2).epochs(20).verbose(0);
    let history = fit.callbacks([&mut stop]).run().expect("trains");
    assert_eq!(history.epoch, [0, 1, 2]);
    // From a later epoch on.
    let mut stop = EarlyStopping::new().patience(1).start_from_epoch(4);
    let fit = model.fit(&x, &y).validation_split(0.2).epochs(20).verbose(0);
    let history = fit.callbacks([&mut stop]).run().expect("trains");
    assert_eq!(history.epoch.len(), 6);
}

#[test]
fn early_stopping_restores_the_best_weights() {
    let (x, y) = blobs(60);
    let (test_x, test_y) = blobs(33);
    let mut model = model(&cpu());
    // Three good epochs, then steps that go uphill.
    let mut rates = LearningRateScheduler::new(|epoch, _| if epoch < 3 { 0.01 } else { -0.1 });
    let mut stop = EarlyStopping::new().patience(2).restore_best_weights(true);
    let fit = model.fit(&x, &y).validation_data(&test_x, &test_y).epochs(20).verbose(0);
    let history = fit.callbacks((&mut rates, &mut stop)).run().expect("trains");
    assert_eq!(history.epoch.len(), 5);
    let losses = history.get("val_loss").expect("logged");
    assert!(losses[4] > losses[2], "{losses:?}");
    let now = model.evaluate(&test_x, &test_y).verbose(0).run().expect("evaluates").loss();
    assert_eq!(now, losses[2]);
}

/// A callback of a user's: stops in the middle of an epoch, having changed the learning rate before.
#[derive(Default)]
struct Steering {
    seen: Vec<(usize, usize)>,
    ended: bool,
}

impl Callback for Steering {
    fn name(&self) -> String {
        "Steering".into()
    }
    fn every_batches(&self) -> Option<usize> {
        Some(1)
    }
    fn on_train_batch_end(&mut self, batch: usize, logs: &Logs, control: &mut Control) -> CallbackResult {
        assert!(logs.loss().is_finite());
        self.seen.push((control.epoch, batch));
        match self.seen.len() {
            2 => control.learning_rate = Some(0.0),
            5 => control.stop_training = true,
            _ => {}
        }
        Ok(())
    }
    fn on_train_end(&mut self, _logs: &Logs, _control: &mut Control) -> CallbackResult {
        self.ended = true;
        Ok(())
    }
}

#[test]
fn a_users_callback_stops_training_and_changes_the_learning_rate() {
    let (x, y) = blobs(64);
    let mut plain = model(&cpu());
    plain.fit(&x, &y).batch_size(16).steps_per_epoch(2).verbose(0).run().expect("trains");
    let mut steered = model(&cpu());
    let mut steering = Steering::default();
    let fit = steered.fit(&x, &y).batch_size(16).epochs(9).verbose(0);
    let history = fit.callbacks([&mut steering]).run().expect("trains");
    assert_eq!(steering.seen, [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]);
    assert!(steering.ended);
    assert_eq!(history.epoch, [0, 1]);
    assert_eq!(steered.iterations(), 5);
    assert_eq!(steered.compiled().expect("compiled").learning_rate(), 0.0);
    // Steps at a rate of 0 change no weight.
    assert_eq!(bits(&steered)[..4], bits(&plain)[..4]);

    // The rate as it is now goes into files, and comes back.
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["m.keras", "m.h5"] {
        let path = folder.path().join(file);
        steered.save(&path).expect("saves");
        let loaded = rhyton::load_model(&path).expect("loads");
        assert_eq!(loaded.compiled().expect("compiled").learning_rate(), 0.0, "{file}");
    }
}

#[test]
fn a_callbacks_error_ends_training_and_names_it() {
    let (x, y) = blobs(40);
    let mut failing = LambdaCallback::on_epoch_end(
        |epoch, _, _: &mut Control| if epoch == 1 { Err("full disk".into()) } else { Ok(()) },
    );
    let mut model = model(&cpu());
    let error =
        model.fit(&x, &y).epochs(9).callbacks([&mut failing]).verbose(0).run().expect_err("it failed");
    assert_eq!(error.to_string(), "callback LambdaCallback: full disk");
    assert_eq!(model.iterations(), 4, "two epochs of two batches");
}

/// A file for each kind, complete after every epoch; NumPy and pandas read the first, any program the other.
#[test]
fn a_history_goes_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (x, y) = blobs(40);
    let (table, object) = (folder.path().join("a/h.csv"), folder.path().join("h.json"));
    let mut loggers = [HistoryLogger::new(&table).expect("csv"), HistoryLogger::new(&object).expect("json")];
    let [csv, json] = &mut loggers;
    let mut model = model(&cpu());
    let fit = model.fit(&x, &y).epochs(3).validation_split(0.25).verbose(0).callbacks((csv, json));
    let history = fit.run().expect("trains");
    let text = std::fs::read_to_string(&table).expect("written");
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("a head").split(',').collect();
    assert_eq!(names.first(), Some(&"epoch"));
    assert_eq!(names.len(), 1 + history.history.len());
    for (epoch, line) in lines.enumerate() {
        let values: Vec<f64> = line.split(',').map(|v| v.parse().expect("a number")).collect();
        assert_eq!(values[0], epoch as f64);
        for (name, value) in names.iter().zip(&values).skip(1) {
            assert_eq!(history.get(name).map(|v| v[epoch]), Some(*value), "{name}");
        }
    }
    let value: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&object).expect("written")).expect("JSON");
    assert_eq!(value["epoch"], serde_json::json!([0, 1, 2]));
    for (name, values) in &history.history {
        assert_eq!(value[name], serde_json::json!(values), "{name}");
    }
    assert!(HistoryLogger::new("h.txt").is_err());
}

/// A stop between batches ends the epoch there: no validation, no end of the epoch, and the end of training.
/// Asked in validation too, which then has no result: the epoch is trained, and nobody is told that it ended.
#[test]
fn training_stops_within_validation() {
    let (x, y) = blobs(32);
    let (test_x, test_y) = blobs(64 * 32 * 8);
    let mut asked = 0;
    let mut stop = StopWhen::new(|| {
        asked += 1;
        asked == 5
    });
    let mut ended = Vec::new();
    let mut end = LambdaCallback::on_epoch_end(|epoch, _: &Logs, _: &mut Control| {
        ended.push(epoch);
        Ok(())
    });
    let mut model = model(&cpu());
    let fit = model.fit(&x, &y).validation_data(&test_x, &test_y).epochs(20).verbose(0);
    let history = fit.callbacks((&mut stop, &mut end)).run().expect("trains");
    assert_eq!((history.epoch.len(), model.iterations(), model.finished_epochs()), (0, 1, 1));
    assert!(asked == 5 && ended.is_empty(), "{asked}: {ended:?}");
}

#[test]
fn training_stops_between_batches() {
    let (x, y) = blobs(96);
    let mut model = model(&cpu());
    let mut asked = 0;
    let mut stop = StopWhen::new(|| {
        asked += 1;
        asked > 3
    });
    let mut ends = 0;
    let mut count = LambdaCallback::on_epoch_end(|_, _, _| {
        ends += 1;
        Ok(())
    });
    let history = model
        .fit(&x, &y)
        .batch_size(1)
        .epochs(9)
        .verbose(0)
        .callbacks((&mut stop, &mut count))
        .run()
        .expect("stops");
    assert_eq!((history.epoch.len(), ends), (0, 0));
    let steps = model.iterations();
    assert!(steps > 0 && steps < 96, "{steps}");
}
