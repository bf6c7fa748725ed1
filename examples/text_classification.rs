//! Keras' examples "Text classification from scratch" (<https://keras.io/examples/nlp/text_classification_from_scratch/>) and "Bidirectional LSTM on IMDB"
//! (<https://keras.io/examples/nlp/bidirectional_lstm_imdb/>), in small: whether a sentence of a movie review likes the film. `text_classification.py` beside it
//! does the same in Keras.
//!
//! The sentences, with ratings by some twenty readers each, are those of "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text" (Hutto and Gilbert, 2014).
//! `cargo xtask reviews target/reviews` fetches them; `RHYTON_DATA` names another folder.
//!
//! `cargo run --release --example text_classification [conv|lstm [EPOCHS [STEPS_PER_EPOCH]]]`; `RHYTON_DEVICE=gpu` or `cpu` chooses the device.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use ndarray::{Array1, Array2};
use rhyton::prelude::*;

/// Words that have a number of their own, the most frequent ones; 0 fills up, 1 is any other word.
const WORDS: usize = 8000;
/// Words of a sentence; what is longer is cut, what is shorter is filled up with 0.
const LENGTH: usize = 40;
/// Ratings go from -4 to 4; sentences that are rated nearer to 0 are neither.
const RATED: f32 = 0.5;

/// The words of a sentence, with 1 where the film is liked and 0 where it is not.
type Sentence = (Vec<String>, f32);

/// Lower case, without punctuation, parted at spaces: as Keras' `TextVectorization` does.
fn words(text: &str) -> Vec<String> {
    let plain: String = text.to_lowercase().chars().filter(|c| !c.is_ascii_punctuation()).collect();
    plain.split_whitespace().map(String::from).collect()
}

/// Reads the sentences that are rated.
fn read() -> Result<Vec<Sentence>, Box<dyn Error>> {
    let folder =
        std::env::var_os("RHYTON_DATA").map_or_else(|| PathBuf::from("target/reviews"), PathBuf::from);
    let path = folder.join("movie-reviews.txt");
    let text = std::fs::read_to_string(&path).map_err(|e| {
        format!("{}: {e}; `cargo xtask reviews {}` fetches it", path.display(), folder.display())
    })?;
    let mut sentences = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, '\t').skip(1);
        let (Some(rating), Some(sentence)) = (parts.next(), parts.next()) else {
            return Err(format!("{}: a line without a rating and a sentence: {line}", path.display()).into());
        };
        let rating: f32 = rating.trim().parse()?;
        if rating.abs() >= RATED {
            sentences.push((words(sentence), f32::from(u8::from(rating > 0.0))));
        }
    }
    // An order without a pattern, which is the same everywhere: by a hash of the number.
    let mut numbered: Vec<_> = sentences.into_iter().enumerate().collect();
    numbered.sort_by_key(|(i, _)| (*i as u32).wrapping_mul(2_654_435_761));
    Ok(numbered.into_iter().map(|(_, sentence)| sentence).collect())
}

/// The numbers of the most frequent words; at equal counts the alphabet decides.
fn vocabulary(sentences: &[Sentence]) -> HashMap<&str, u16> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    sentences.iter().flat_map(|(words, _)| words).for_each(|word| *counts.entry(word).or_default() += 1);
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(a, m), (b, n)| n.cmp(m).then(a.cmp(b)));
    (2..).zip(counts).take(WORDS - 2).map(|(number, (word, _))| (word, number)).collect()
}

/// `[n, LENGTH]` numbers of words, and `[n, 1]` labels.
fn arrays(sentences: &[Sentence], numbers: &HashMap<&str, u16>) -> (Array2<f32>, Array2<f32>) {
    let number = |i: usize, j: usize| {
        let word = sentences[i].0.get(j);
        word.map_or(0.0, |word| f32::from(numbers.get(word.as_str()).copied().unwrap_or(1)))
    };
    let x = Array2::from_shape_fn((sentences.len(), LENGTH), |(i, j)| number(i, j));
    let y = Array1::from_iter(sentences.iter().map(|(_, label)| *label));
    (x, y.insert_axis(ndarray::Axis(1)))
}

/// Windows over the words, of which the strongest answer counts.
fn convolutions() -> Result<Model, rhyton::Error> {
    Sequential::new((
        Embedding::new(WORDS, 64).input_shape([LENGTH]),
        Dropout::new(0.5),
        Conv1D::new(64, 7).padding("same").activation("relu"),
        Conv1D::new(64, 7).padding("same").activation("relu"),
        GlobalMaxPooling1D::new(),
        Dense::new(64).activation("relu"),
        Dropout::new(0.5),
        Dense::new(1).activation("sigmoid").name("predictions"),
    ))
}

/// Two LSTMs, each reading from both ends.
fn recurrent() -> Result<Model, rhyton::Error> {
    Sequential::new((
        Embedding::new(WORDS, 64).input_shape([LENGTH]),
        Bidirectional::new(LSTM::new(32).return_sequences(true)),
        Bidirectional::new(LSTM::new(32)),
        Dense::new(1).activation("sigmoid"),
    ))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let kind = arguments.next().unwrap_or_else(|| "conv".into());
    let mut numbers = arguments.map(|a| a.parse::<usize>());
    let (epochs, steps) = (numbers.next().transpose()?.unwrap_or(3), numbers.next().transpose()?);
    let device = Device::best()?;
    println!("Device: {device}");
    set_random_seed(1);

    let sentences = read()?;
    let (train, test) = sentences.split_at(sentences.len() / 5 * 4);
    let vocabulary = vocabulary(train);
    let ((x_train, y_train), (x_test, y_test)) = (arrays(train, &vocabulary), arrays(test, &vocabulary));
    println!("{} sentences to train on, {} to test", train.len(), test.len());

    let mut model = match kind.as_str() {
        "conv" => convolutions()?,
        "lstm" => recurrent()?,
        other => return Err(format!("`{other}` is no model: conv or lstm").into()),
    };
    model.summary();
    model.compile("adam", "binary_crossentropy", ["accuracy"])?;

    let start = Instant::now();
    let fit = model.fit(&x_train, &y_train).batch_size(32).epochs(epochs).validation_data(&x_test, &y_test);
    match steps {
        Some(steps) => fit.steps_per_epoch(steps).run()?,
        None => fit.run()?,
    };
    let seconds = start.elapsed().as_secs_f64();

    let score = model.evaluate(&x_test, &y_test).verbose(0).run()?;
    println!("Test loss: {:.4}", score.loss());
    println!("Test accuracy: {:.4}", score.get("accuracy").unwrap_or(f64::NAN));
    println!("Trained for {seconds:.1} s on {device}");
    Ok(())
}
