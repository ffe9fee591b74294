"""The UCI digits that ship inside scikit-learn, split the same way for training, calibration and the final count.

    python3 data.py FOLDER    writes calibration.npy, images.npy, labels.npy and sample.npy into FOLDER

Images are float32 in [0, 1], shaped samples x 1 x 8 x 8; labels are int64. Nobody trains or calibrates on the held-back
images: a quarter of the 1,797, drawn with a fixed seed.
"""

import pathlib
import sys

import numpy as np
from sklearn.datasets import load_digits

CALIBRATION_SAMPLES = 100


def load():
    """Returns (training images, training labels, held-back images, held-back labels)."""
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)[:, np.newaxis]
    labels = digits.target.astype(np.int64)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(images))
    held_back, training = np.split(order, [len(order) // 4])
    return images[training], labels[training], images[held_back], labels[held_back]


def write(folder):
    """Writes what compiling and counting need."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    training, _, images, labels = load()
    np.save(folder / "calibration.npy", training[:CALIBRATION_SAMPLES])
    np.save(folder / "images.npy", images)
    np.save(folder / "labels.npy", labels)
    np.save(folder / "sample.npy", images[:1])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(sys.argv[1])
