"""What the scripts of this folder share: the two libraries, names of variables, one gradient step."""
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
import tensorflow as tf
import keras as K3
import tf_keras as K2

tf.get_logger().setLevel("ERROR")

LIBRARIES = {"tf_keras": K2, "keras3": K3}

# Format key in case.json -> path inside the directory of a (case, library) pair.
FORMATS = {"ckpt": "ckpt/cp.ckpt", "ckpt_sharded": "ckpt_sharded/cp.ckpt", "keras": "model.keras", "h5": "model.h5",
           "weights_legacy": "weights_legacy.h5", "weights_h5": "model.weights.h5",
           "saved_model": "saved_model", "export": "export"}


def format_list(text):
    """The value of a --formats option: known format keys, None where the option was not given."""
    keys = [k for k in text.split(",") if k]
    unknown = sorted(set(keys) - set(FORMATS))
    if unknown:
        raise SystemExit(f"--formats: unknown {', '.join(unknown)}; known are {', '.join(FORMATS)}")
    return keys or None


def scale_shift(K):
    """The custom layer of the case "custom", registered with the library K."""
    @K.saving.register_keras_serializable(package="Fixtures", name="ScaleShift")
    class ScaleShift(K.layers.Layer):
        """y = x * scale + shift + offset; the offset is not trainable."""

        def __init__(self, start=1.0, **kw):
            super().__init__(**kw)
            self.start = start

        def build(self, input_shape):
            d = int(input_shape[-1])
            self.scale = self.add_weight(
                name="scale", shape=(d,), initializer=K.initializers.Constant(self.start), trainable=True)
            self.shift = self.add_weight(name="shift", shape=(d,), initializer="zeros", trainable=True)
            self.offset = self.add_weight(name="offset", shape=(), initializer="ones", trainable=False)
            super().build(input_shape)

        def call(self, x):
            return x * self.scale + self.shift + self.offset

        def get_config(self):
            return {**super().get_config(), "start": self.start}

    return ScaleShift


CUSTOM = {K: scale_shift(K) for K in (K2, K3)}


def unwrap(xs):
    return xs[0] if len(xs) == 1 else list(xs)


def as_list(x):
    return [np.asarray(t) for t in (x if isinstance(x, (list, tuple)) else [x])]


def var_name(K, v):
    return v.path if K is K3 else v.name


def var_np(v):
    return np.asarray(v.numpy())


def opt_vars(opt):
    vs = opt.variables
    return list(vs() if callable(vs) else vs)


def slots(K, opt):
    """Optimizer variables without iteration counters and learning rates."""
    drop = {"iteration:0", "iteration", "iter:0", "learning_rate:0", "learning_rate"}
    return [v for v in opt_vars(opt) if var_name(K, v).rsplit("/", 1)[-1] not in drop]


def steps_taken(opt):
    """Steps, also where gradients are summed up and Keras says how often the weights changed; of the optimizer inside one that scales the loss."""
    opt = getattr(opt, "inner_optimizer", opt)
    return int(np.asarray(getattr(opt, "_iterations", opt.iterations)))


def rate_of(opt):
    """The learning rate; 0 for several optimizers, which have their own."""
    if hasattr(opt, "optimizers"):
        return 0.0
    rate = opt.learning_rate
    return float(rate.numpy() if hasattr(rate, "numpy") else np.asarray(rate))


def inference_step(K, m, xs, ys):
    """One gradient step with every layer in inference mode (dropout off); returns the loss before it."""
    x, y = unwrap([tf.constant(a) for a in xs]), unwrap([tf.constant(a) for a in ys])
    with tf.GradientTape() as t:
        pred = m(x, training=False)
        loss = (m.compiled_loss(y, pred, regularization_losses=m.losses) if K is K2
                else m.compute_loss(x=x, y=y, y_pred=pred, training=False))
    vs = m.trainable_variables
    g = t.gradient(loss, vs if K is K2 else [v.value for v in vs])
    if K is K2:
        m.optimizer.apply_gradients(zip(g, vs))
    else:
        m.optimizer.apply(g, vs)
    return float(loss)


def train_step(K, m, xs, ys, mode):
    """One step on the whole batch: train_on_batch, or `inference_step` for models with dropout."""
    if mode == "inference":
        return inference_step(K, m, xs, ys)
    m.reset_metrics()  # Keras 3 would return a running mean otherwise
    return float(np.asarray(m.train_on_batch(unwrap(xs), unwrap(ys))).reshape(-1)[0])
