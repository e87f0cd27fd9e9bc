"""The layers of the two networks with their gradients, and Adam, in float32 numpy.

Activations are NCHW. Every layer has forward(x) and backward(gradient of its output), which returns
the gradient of its input; a layer with weights keeps them in `params` and fills `grads`.
"""

import common  # noqa: F401  (first: fixes the BLAS settings)
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Layer:
    """A layer without weights."""

    params = ()
    grads = ()


class Dense(Layer):
    """y = x W^T + b with W (outputs, inputs), as an ONNX Gemm with transB = 1."""

    def __init__(self, rng, inputs, outputs):
        scale = np.sqrt(2.0 / inputs)  # He et al. 2015, keeps the variance through ReLU
        w = (rng.standard_normal((outputs, inputs)) * scale).astype(np.float32)
        self.params = [w, np.zeros(outputs, np.float32)]

    def forward(self, x):
        self.x = x
        return x @ self.params[0].T + self.params[1]

    def backward(self, dy):
        self.grads = [dy.T @ self.x, dy.sum(0)]
        return dy @ self.params[0]


class Conv3x3(Layer):
    """3x3 convolution, stride 1, one pixel of zero padding; W (outputs, inputs, 3, 3)."""

    def __init__(self, rng, inputs, outputs):
        scale = np.sqrt(2.0 / (9 * inputs))
        w = (rng.standard_normal((outputs, inputs, 3, 3)) * scale).astype(np.float32)
        self.params = [w, np.zeros(outputs, np.float32)]

    def forward(self, x):
        n, c, h, w = x.shape
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = sliding_window_view(padded, (3, 3), axis=(2, 3))  # N C H W 3 3
        self.shape = x.shape
        self.columns = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, c * 9)
        flat = self.params[0].reshape(-1, c * 9)
        y = self.columns @ flat.T + self.params[1]
        return np.ascontiguousarray(y.reshape(n, h, w, -1).transpose(0, 3, 1, 2))

    def backward(self, dy):
        n, c, h, w = self.shape
        kernel = self.params[0]
        rows = dy.transpose(0, 2, 3, 1).reshape(n * h * w, -1)
        self.grads = [(rows.T @ self.columns).reshape(kernel.shape), rows.sum(0)]
        windows = (rows @ kernel.reshape(-1, c * 9)).reshape(n, h, w, c, 3, 3)
        dx = np.zeros((n, c, h + 2, w + 2), dy.dtype)
        for i in range(3):
            for j in range(3):
                dx[:, :, i : i + h, j : j + w] += windows[..., i, j].transpose(0, 3, 1, 2)
        return dx[:, :, 1:-1, 1:-1]


class Relu(Layer):
    """max(x, 0)."""

    def forward(self, x):
        self.open = x > 0
        return x * self.open

    def backward(self, dy):
        return dy * self.open


class MaxPool2(Layer):
    """2x2 maximum, stride 2, even height and width; a tie passes its gradient to the first."""

    def forward(self, x):
        n, c, h, w = x.shape
        cells = x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        cells = cells.reshape(n, c, h // 2, w // 2, 4)
        self.shape = x.shape
        self.winner = cells.argmax(-1)[..., None]
        return np.take_along_axis(cells, self.winner, -1)[..., 0]

    def backward(self, dy):
        n, c, h, w = self.shape
        cells = np.zeros(dy.shape + (4,), dy.dtype)
        np.put_along_axis(cells, self.winner, dy[..., None], -1)
        cells = cells.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        return cells.reshape(self.shape)


class Flatten(Layer):
    """(N, C, H, W) to (N, C*H*W)."""

    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy):
        return dy.reshape(self.shape)


class Network:
    """Layers in sequence; ends in the logits."""

    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dy):
        for layer in reversed(self.layers):
            dy = layer.backward(dy)

    def params(self):
        return [p for layer in self.layers for p in layer.params]

    def grads(self):
        return [g for layer in self.layers for g in layer.grads]


def cross_entropy(logits, labels):
    """Mean cross-entropy of softmax(logits) and its gradient.

    The exponential is taken in float64, where numpy's SIMD variants differ by less than a float32
    rounding step.
    """
    wide = logits.astype(np.float64)
    wide -= wide.max(1, keepdims=True)
    e = np.exp(wide)
    total = e.sum(1, keepdims=True)
    rows = np.arange(len(labels))
    loss = float((np.log(total[:, 0]) - wide[rows, labels]).mean())
    gradient = e / total
    gradient[rows, labels] -= 1.0
    return loss, (gradient / len(labels)).astype(logits.dtype)


class Adam:
    """Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019).

    Decay applies to weight matrices and kernels, not to biases. Updates parameters in place.
    """

    def __init__(self, params, decay, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.params, self.decay = params, decay
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.first = [np.zeros_like(p) for p in params]
        self.second = [np.zeros_like(p) for p in params]
        self.step_count = 0

    def step(self, grads, rate):
        self.step_count += 1
        fix1 = 1.0 - self.beta1**self.step_count
        fix2 = 1.0 - self.beta2**self.step_count
        for p, g, m, v in zip(self.params, grads, self.first, self.second, strict=True):
            m += (1.0 - self.beta1) * (g - m)
            v += (1.0 - self.beta2) * (g * g - v)
            if p.ndim > 1:
                p -= rate * self.decay * p
            p -= rate * (m / fix1) / (np.sqrt(v / fix2) + self.epsilon)
