"""Print the accuracy of rates and sharpness in each regime, on held-out training images.

`python scripts/recipes.py` takes about 6 minutes. `netsim.experiments.networks.RECIPES` has the best of each regime.

Networks learn from 6,000 MNIST training images for 4 epochs. The accuracy is that on the last 2,000 training images,
which the networks do not learn from. Each regime has the same trials.
"""

from __future__ import annotations

import itertools
import tempfile
import warnings
from pathlib import Path

import numpy as np

import netsim
from netsim.data.loading import load_dataset
from netsim.data.making import make_dataset
from netsim.experiments.networks import RECIPES, stimulus_driven

RATES, SHARPNESS, HIDDEN = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3), (4.0, 16.0), ((200,), (200, 200))
IMAGES, HELD_OUT, EPOCHS = 6000, 2000, 4


def accuracy(regime: str, hidden: tuple[int, ...], rate: float, sharpness: float) -> float:
    """Return the accuracy (%) on validation images of one training."""
    learning = {"rate": rate, "sharpness": sharpness}
    network = stimulus_driven("recipe", regime, hidden, 10, learning, epochs=EPOCHS, batch=50, validation=IMAGES // 20)
    mnist = load_dataset("mnist")
    parts = slice(0, IMAGES), slice(-HELD_OUT, None)
    training, validation = ((np.asarray(mnist.train_images[part]), mnist.train_labels[part]) for part in parts)
    data = make_dataset(training, network.encoder, validation, name="recipe", intensity_max=mnist.intensity_max)
    with tempfile.TemporaryDirectory() as folder:
        model = netsim.train(network, Path(folder) / "run", seed=0, data=data)
        return 100 * netsim.evaluate(model).strict_accuracy


warnings.simplefilter("ignore", UserWarning)  # poor recipes are among the trials
print("| regime | rate | sharpness | 1 hidden layer (%) | 2 hidden layers (%) |\n|---|---:|---:|---:|---:|")
for regime, rate, sharpness in itertools.product(RECIPES, RATES, SHARPNESS):
    accuracies = [f"{accuracy(regime, hidden, rate, sharpness):.1f}" for hidden in HIDDEN]
    print(f"| {regime} | {rate:g} | {sharpness:g} | {' | '.join(accuracies)} |", flush=True)
