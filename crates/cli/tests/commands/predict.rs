//! `predict` and `evaluate`: inputs and outputs by name, in every kind of file.

use rhyton::datasets::npy::{self, Npz};
use rhyton::types::DType;

use crate::common::{Case, fails, json, text, works};

const CASE: &str = "two_branch/keras3";

/// The same predictions, whatever way the arrays come in and go out.
#[test]
fn arrays_by_name_and_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name));
    let case = Case::new(CASE);
    let model = case.file("model.keras");
    let [left, right] = <[String; 2]>::try_from(case.list("inputs")).unwrap();
    let predict = |inputs: &str, output: &str| {
        works(&["predict", &model, "--device", "cpu", "--inputs", inputs, "--output", output])
    };
    let (cls, reg) = (path("new/folder/cls.npy"), path("reg.npy"));
    let said = predict(&format!("{left},{right}"), &format!("{cls},{reg}"));
    assert!(said.starts_with(&format!("{cls}: float32 [")), "{said}");
    let want = [&cls, &reg].map(|p| npy::load::<f32>(p).unwrap());
    let same = |[a, b]: [&str; 2]| {
        assert_eq!([a, b].map(|p| npy::load::<f32>(path(p)).unwrap()), want);
    };
    // By name, in any order; the outputs too.
    let named = format!("right={right},left={left}");
    predict(&named, &format!("reg={},cls={}", path("b.npy"), path("a.npy")));
    same(["a.npy", "b.npy"]);
    // One archive for all.
    predict(&named, &path("all.npz"));
    let mut all = Npz::open(path("all.npz")).unwrap();
    assert_eq!(all.names(), ["cls", "reg"]);
    assert_eq!(["cls", "reg"].map(|n| all.array::<f32>(n).unwrap()), want);
    // What it wrote, it reads: members by name, by order, one by one.
    let inputs = ["left", "right"].map(str::to_owned);
    let arrays = [&left, &right].map(|p| npy::load::<f32>(p).unwrap());
    let pack = |file: &str, names: [&str; 2], order: [usize; 2]| {
        let members: Vec<_> = order.iter().map(|i| (names[*i].to_owned(), &arrays[*i], DType::F32)).collect();
        npy::save_npz(path(file), &members).unwrap();
        path(file)
    };
    for archive in
        [pack("by_name.npz", ["left", "right"], [1, 0]), pack("in_order.npz", ["arr_0", "arr_1"], [0, 1])]
    {
        predict(&archive, &path("c.npz"));
        let mut found = Npz::open(path("c.npz")).unwrap();
        assert_eq!(["cls", "reg"].map(|n| found.array::<f32>(n).unwrap()), want, "{archive}");
    }
    let archive = path("in_order.npz");
    predict(&format!("{}={archive}:arr_1,{}={archive}:arr_0", inputs[1], inputs[0]), &path("d.npz"));
    let mut found = Npz::open(path("d.npz")).unwrap();
    assert_eq!(["cls", "reg"].map(|n| found.array::<f32>(n).unwrap()), want);
    // Tables, to a file and to the standard output.
    predict(&named, &path("all.csv"));
    let table = std::fs::read_to_string(path("all.csv")).unwrap();
    assert_eq!(works(&["predict", &model, "--device", "cpu", "--inputs", &named]), table);
    let mut lines = table.lines();
    assert!(lines.next().unwrap().contains("cls_0,"), "{table}");
    let first: Vec<f32> = lines.next().unwrap().split(',').map(|v| v.parse().unwrap()).collect();
    let row = |i: usize| want[i].index_axis(ndarray::Axis(0), 0).iter().copied().collect::<Vec<f32>>();
    assert_eq!(first, [row(0), row(1)].concat());
    // A table goes in as well.
    for (name, array) in ["left.csv", "right.csv"].iter().zip(&arrays) {
        rhyton::datasets::csv::save(path(name), &[("x".into(), array)]).unwrap();
    }
    predict(&format!("left={},right={}", path("left.csv"), path("right.csv")), &path("e.npz"));
    let mut found = Npz::open(path("e.npz")).unwrap();
    assert_eq!(["cls", "reg"].map(|n| found.array::<f32>(n).unwrap()), want);
}

#[test]
fn targets_by_name() {
    let case = Case::new(CASE);
    let model = case.file("model.keras");
    let [cls, reg] = <[String; 2]>::try_from(case.list("targets")).unwrap();
    let evaluate = |targets: &str| {
        let inputs = case.joined("inputs");
        json(&works(&[
            "evaluate",
            &model,
            "--device",
            "cpu",
            "--inputs",
            &inputs,
            "--targets",
            targets,
            "--json",
        ]))
    };
    assert_eq!(evaluate(&format!("{cls},{reg}")), evaluate(&format!("reg={reg},cls={cls}")));
}

/// A loss and metrics that the file does not say.
#[test]
fn a_model_is_evaluated_by_another_loss() {
    let case = Case::new("opt_adamw/keras3");
    let (model, inputs, targets) = (case.file("model.keras"), case.joined("inputs"), case.joined("targets"));
    let common =
        ["evaluate", &model, "--device", "cpu", "--inputs", &inputs, "--targets", &targets, "--json"];
    let found = json(&works(&[&common[..], &["--loss", "mae", "--metrics", "mae"]].concat()));
    assert_eq!(found.as_object().unwrap().keys().count(), 2);
    let (loss, mae) =
        (found["loss"].as_f64().unwrap(), found.as_object().unwrap().values().next_back().unwrap());
    assert!((loss - mae.as_f64().unwrap()).abs() < 1e-6, "{found}");
}

/// Checks that what cannot be is said before anything is predicted, with exit code 2 and the names that there are.
#[test]
fn names_that_are_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name));
    let case = Case::new(CASE);
    let model = case.file("model.keras");
    let [left, right] = <[String; 2]>::try_from(case.list("inputs")).unwrap();
    let both = format!("{left},{right}");
    npy::save_npz(path("other.npz"), &[("a".into(), &npy::load::<f32>(&left).unwrap(), DType::F32)]).unwrap();
    // One of the model's names and another one: by place, the first would be given to `left`.
    let part = [&right, &left].map(|file| npy::load::<f32>(file).unwrap());
    let members = [("right".into(), &part[0], DType::F32), ("a".into(), &part[1], DType::F32)];
    npy::save_npz(path("part.npz"), &members).unwrap();
    for (inputs, output, part) in [
        (path("part.npz"), "-".to_owned(), "the file has right, a"),
        (format!("middle={left},right={right}"), "-".into(), "no `middle`"),
        (format!("left={left},{right}"), "-".into(), "name all or none"),
        (format!("left={left},left={right}"), "-".into(), "two files for `left`"),
        (left.clone(), "-".into(), "left, right"),
        (path("other.npz"), "-".into(), "has a"),
        (both.clone(), path("p.npy"), "cls, reg"),
        (both.clone(), path("p.txt"), ".npz"),
        (both.clone(), format!("{},-", path("p.npy")), "stands alone"),
        (both.clone(), format!("what={},reg={}", path("p.npy"), path("q.npy")), "no `what`"),
    ] {
        let message =
            fails(2, &["predict", &model, "--device", "cpu", "--inputs", &inputs, "--output", &output]);
        assert!(message.contains(part) && message.lines().count() == 1, "{part}: {message}");
    }
}
