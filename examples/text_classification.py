"""The models of text_classification.rs in Keras 3, on the same sentences cut into the same words: `python text_classification.py conv|lstm [EPOCHS]`. `RHYTON_DATA` names
the folder with movie-reviews.txt.
"""

import collections
import os
import pathlib
import string
import sys
import time

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")

import keras
import numpy as np

L = keras.layers
WORDS, LENGTH, RATED = 8000, 40, 0.5


def words(text):
    return text.lower().translate(str.maketrans("", "", string.punctuation)).split()


def read():
    path = pathlib.Path(os.environ.get("RHYTON_DATA", "target/reviews")) / "movie-reviews.txt"
    sentences = []
    for line in path.read_text(encoding="utf-8").splitlines():
        _, rating, sentence = line.split("\t", 2)
        if abs(float(rating)) >= RATED:
            sentences.append((words(sentence), float(float(rating) > 0)))
    order = sorted(range(len(sentences)), key=lambda i: i * 2654435761 % 2**32)
    return [sentences[i] for i in order]


def arrays(sentences, numbers):
    x = np.zeros((len(sentences), LENGTH), "float32")
    for i, (found, _) in enumerate(sentences):
        for j, word in enumerate(found[:LENGTH]):
            x[i, j] = numbers.get(word, 1)
    return x, np.array([[label] for _, label in sentences], "float32")


def model(kind):
    if kind == "conv":
        layers = [
            L.Dropout(0.5),
            L.Conv1D(64, 7, padding="same", activation="relu"),
            L.Conv1D(64, 7, padding="same", activation="relu"),
            L.GlobalMaxPooling1D(),
            L.Dense(64, activation="relu"),
            L.Dropout(0.5),
            L.Dense(1, activation="sigmoid", name="predictions"),
        ]
    else:
        layers = [L.Bidirectional(L.LSTM(32, return_sequences=True)), L.Bidirectional(L.LSTM(32)), L.Dense(1, activation="sigmoid")]
    return keras.Sequential([keras.Input((LENGTH,)), L.Embedding(WORDS, 64), *layers])


kind, epochs = (sys.argv[1:2] or ["conv"])[0], int((sys.argv[2:3] or ["3"])[0])
keras.utils.set_random_seed(int(os.environ.get("SEED", "1")))
sentences = read()
cut = len(sentences) // 5 * 4
train, test = sentences[:cut], sentences[cut:]
counts = collections.Counter(word for found, _ in train for word in found)
ranked = sorted(counts, key=lambda word: (-counts[word], word.encode()))
numbers = {word: i + 2 for i, word in enumerate(ranked[: WORDS - 2])}
(x_train, y_train), (x_test, y_test) = arrays(train, numbers), arrays(test, numbers)
print(len(train), "sentences to train on,", len(test), "to test")
made = model(kind)
made.compile("adam", "binary_crossentropy", metrics=["accuracy"])
start = time.perf_counter()
made.fit(x_train, y_train, batch_size=32, epochs=epochs, validation_data=(x_test, y_test), verbose=2)
seconds = time.perf_counter() - start
loss, accuracy = made.evaluate(x_test, y_test, verbose=0)
print(f"Test loss: {loss:.4f}\nTest accuracy: {accuracy:.4f}\nTrained for {seconds:.1f} s")
