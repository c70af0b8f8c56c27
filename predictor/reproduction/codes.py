"""The protocol for the codes of InfoGAN."""

from predictor.analysis.code_reader import CodeReader
from predictor.errors import UnknownModel, UnusableData
from predictor.metrics import assigned_class_error
from predictor.networks.infogan import InfoganDiscriminator
from predictor.reproduction.measured import Measured, Row, Subject
from predictor.reproduction.pictures import pictures_of_test


def chen_2016(subject: Subject) -> Measured:
    """Chen et al. 2016, section 7: the information in the codes, and c1 as a classifier.

    The information, in nats, is estimated on samples: it needs no labels, so the best of several
    seeds may be selected by it. Of a training with views, what c1 tells in these is measured too.
    Each category of c1 stands for the commonest class among the test pictures assigned to it.
    """
    settings = subject.recipe.protocol_settings
    lacks = "categorical code to classify by"
    judge = subject.model.network_of(InfoganDiscriminator, lacks)
    if not judge.structure.categorical:
        raise UnknownModel(f"{subject.model.name} has no {lacks}")
    reader = CodeReader(judge, subject.device)
    test, labels = pictures_of_test(subject)
    if labels is None:
        raise UnusableData(f"{subject.data} has no labels, by which c1 is judged")
    error = assigned_class_error(reader.codes(test).categories[0], labels)
    sampler, count = subject.sampler(), settings.samples
    headings = {"c1_error_percent": "error of c1, %"}
    scores = {"c1_error_percent": 100 * error}
    for name, told in reader.information(sampler, count, subject.seed).items():
        headings[f"information_{name}_nats"] = f"information of {name}, nats"
        scores[f"information_{name}_nats"] = told
    if (views := subject.settings.views) is not None:
        left = reader.information(sampler, count, subject.seed, views)
        for name in judge.structure.categorical_names:
            headings[f"information_{name}_in_views_nats"] = f"information of {name} in views, nats"
            scores[f"information_{name}_in_views_nats"] = left[name]
    return Measured(
        rows=(Row(subject.model.name, scores),),
        headings=headings,
        spread="",
        notes=(
            f"{len(test):,} test pictures, each category of c1 assigned their commonest class in "
            f"it; information over {settings.samples:,} samples",
        ),
    )
