"""Adversarial systems: one method a file, each as networks and phases.

A new one is a file here and a row in `SYSTEMS`; a network of its own is a file in
`predictor.networks` and a row in `NETWORKS`. Every command finds it there: train, resume, export,
sample, evaluate, ``torchrun``. ``gan.py`` is the one to begin from:

- its settings are a `RunSettings`, with a `NetworkSettings` and an `OptimizerSettings` for each
  network; `settings.playing` says which `role` of a network's class is wanted, and
  `pair.with_network_defaults` tells the networks the shape of the pictures,
- ``build`` returns the `System`: fresh networks, the phases, what is validated, shown, released,
- its row says how a model is used and measured,
- `gan.open_data` opens pictures; another kind of data has an `OpenData` of its own.

Losses draw through `predictor.draws` and return named, weighted terms; a network that is released
has what `predictor.weights.save_network` asks for, a generator what `ImageSampler` does, its
pictures in `PixelUnits`. The contract tests run over the table with the settings that
``tests/systems/tiny_systems.py`` has for each row. A system outside of this package is the same: a
program that puts rows into both tables, networks first, and then calls `pipelines.cli.main` under
``if __name__ == "__main__":`` has all the commands. Without that line the processes that load data,
which run the program again, would train too.
"""

from predictor.systems import (
    classifier,
    conditional_gan,
    dcgan,
    frames,
    gan,
    improved_gan,
    infogan,
    inpaint,
    lapgan,
)
from predictor.systems.entry import SystemEntry

SYSTEMS: dict[str, SystemEntry] = {
    "classifier": SystemEntry(
        classifier.ClassifierSettings,
        classifier.build,
        gan.open_data,
        usage="predictor evaluate MODEL pictures/ --features {name}",
        evaluation="classification",
    ),
    "conditional-gan": SystemEntry(
        conditional_gan.ConditionalGanSettings, gan.build, gan.open_data
    ),
    "dcgan": SystemEntry(dcgan.DcganSettings, dcgan.build, dcgan.open_data),
    "frames": SystemEntry(
        frames.FramesSettings,
        frames.build,
        frames.open_data,
        usage="predictor frames in.mp4 --model {name}",
        evaluation="frames",
    ),
    "gan": SystemEntry(gan.GanSettings, gan.build, gan.open_data),
    "improved-gan": SystemEntry(
        improved_gan.ImprovedGanSettings,
        improved_gan.build,
        improved_gan.open_data,
        usage="predictor classify {name} pictures/",
        evaluation="classification",
    ),
    "infogan": SystemEntry(
        infogan.InfoganSettings,
        infogan.build,
        infogan.open_data,
        usage="predictor sample {name} --vary c1 -o codes.png",
        evaluation="codes",
    ),
    "inpaint": SystemEntry(
        inpaint.InpaintSettings,
        inpaint.build,
        inpaint.open_data,
        usage="predictor inpaint photographs/ --mask mask.png --model {name}",
        evaluation="inpaint",
    ),
    "lapgan": SystemEntry(lapgan.LapganSettings, lapgan.build, gan.open_data),
}
"""What can be trained, by the name that the command line takes."""
