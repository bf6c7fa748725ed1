#!/usr/bin/env python3
"""Writes the SavedModels of tests/saved_model.rs with TensorFlow 2.21, tf_keras 2.21 and Keras 3.15: a small Sequential with a model
inside, a custom class and a frozen layer; what is no Keras model of tf_keras: an export of Keras 3, a tf.Module, a model of
TensorFlow 1. `old` is the first with its metadata where TensorFlow 2.4 has them."""
import os
import shutil

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
import tensorflow as tf
import tf_keras
from tensorflow.core.protobuf import saved_model_pb2
from tf_keras.protobuf import saved_metadata_pb2

HERE = os.path.dirname(os.path.abspath(__file__))


def fresh(name):
    path = os.path.join(HERE, name)
    shutil.rmtree(path, ignore_errors=True)
    return path


@tf_keras.utils.register_keras_serializable("Fixtures")
class Scale(tf_keras.layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale


tf_keras.utils.set_random_seed(3)
inner = tf_keras.Sequential([tf_keras.layers.Dense(3, activation="tanh")], name="inner")
frozen = tf_keras.layers.Dense(3, name="frozen", trainable=False)
model = tf_keras.Sequential([tf_keras.Input((4,)), inner, frozen, Scale(name="scale"), tf_keras.layers.Dense(2)], name="outer")
model.compile(tf_keras.optimizers.SGD(0.1, momentum=0.9), "mse", ["mae"])
rng = np.random.default_rng(0)
x, y = rng.normal(size=(8, 4)).astype("float32"), rng.normal(size=(8, 2)).astype("float32")
model.fit(x, y, epochs=2, batch_size=4, verbose=0)
model.save(fresh("sequential"))
np.savez(os.path.join(HERE, "sequential.npz"), *model.get_weights(), iteration=model.optimizer.iterations.numpy(),
         momentum=model.optimizer.variables[2].numpy())

shutil.copytree(os.path.join(HERE, "sequential"), fresh("old"))
old = saved_model_pb2.SavedModel.FromString(open(os.path.join(HERE, "old", "saved_model.pb"), "rb").read())
metadata = saved_metadata_pb2.SavedMetadata.FromString(open(os.path.join(HERE, "old", "keras_metadata.pb"), "rb").read())
for node in metadata.nodes:
    old.meta_graphs[0].object_graph_def.nodes[node.node_id].user_object.metadata = node.metadata
old.meta_graphs[0].graph_def.Clear()
old.meta_graphs[0].object_graph_def.concrete_functions.clear()
open(os.path.join(HERE, "old", "saved_model.pb"), "wb").write(old.SerializeToString(deterministic=True))
os.remove(os.path.join(HERE, "old", "keras_metadata.pb"))

exported = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
exported.export(fresh("export"), verbose=False)

module = tf.Module()
module.v = tf.Variable([1.0, 2.0, 3.0], name="v")
tf.saved_model.save(module, fresh("module"))

with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    tf.compat.v1.get_variable("dnn/logits/kernel", initializer=np.ones((2, 3), "float32"), use_resource=True)
    session.run(tf.compat.v1.global_variables_initializer())
    builder = tf.compat.v1.saved_model.Builder(fresh("tensorflow_1"))
    builder.add_meta_graph_and_variables(session, ["serve"])
    builder.save()
