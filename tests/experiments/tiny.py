"""Settings with which each experiment takes seconds. Those with images need the folder of a data set."""

from dataclasses import fields
from typing import Any

from netsim.seams import experiments

TINY: dict[str, dict[str, Any]] = {
    "tempotron": {"afferents": 10, "epochs": 20, "loads": [0.5, 1.0, 4.0], "windows": [100.0, 200.0], "steps": [16.0]},
    "reaction-time": {"classes": [2, 4], "images": 40, "epochs": 1, "hidden": 10, "test_images": 20},
    "masking": {"images": 40, "epochs": 1, "test_images": 8, "asynchronies": [0.0, 40.0]},
    "retina": {"contrasts": [0.5, 1.0], "shared": [10.0], "images": 4, "trials": 4, "hidden": 4, "epochs": 1},
    "odours": {"levels": [0.0, 1.0], "jitters": [1.0], "trials": 2, "hidden": 4, "epochs": 1},
    "information": {"dispersions": [2.5], "drives": [2.0], "trials": 4, "neurons": 2},
    "stdp": {"learned": [20], "maps": [3, 4], "images": 40, "test_images": 20},
    "dale": {"depths": [2, 4], "width": 12, "images": 48, "epochs": 1, "test_images": 20},
    "feedback": {"depths": [2], "width": 8, "images": 40, "epochs": 1, "test_images": 20, "validation": 10},
    "delays": {"sizes": [6], "epochs": 1, "image_size": 6, "images": 40, "image_epochs": 1, "test_images": 20},
    "at-once": {"hidden": [12], "images": 40, "epochs": 1, "test_images": 20, "jitters": [0.0, 8.0]},
    "causal-pieces": {"means": [0.0], "spreads": [0.1, 0.8, 3.2], "size": 4, "epochs": 1, "stimuli": 60},
}


def tiny_settings(name: str, images: str) -> dict[str, Any]:
    """Return the settings of an experiment, with a folder of images where it needs images."""
    known = {field.name for field in fields(experiments[name])}
    return (
        TINY[name]
        | ({"dataset": images} if "dataset" in known else {})
        | ({"datasets": [*(["yin-yang"] if name == "delays" else []), images]} if "datasets" in known else {})
    )
