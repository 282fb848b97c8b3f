"""Fashion-MNIST, articles of clothing."""

from pathlib import Path

from netsim.data.datasets._idx import IdxDownload
from netsim.seams import datasets

FASHION_MNIST = IdxDownload(
    notation="fashion-mnist",
    summary="Fashion-MNIST, articles of clothing",
    order=2,
    classes=("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
    mirrors=(
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    ),
    sha256={
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    packages=(("Debian package", Path("/usr/share/datasets")),),
)
datasets.add("fashion-mnist", FASHION_MNIST, __name__)
