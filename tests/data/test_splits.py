import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from emohrnet_tf.corpora import read_corpus
from emohrnet_tf.data.splits import PARTS, SCHEMES, check_split, fold_count, missing_actors, split, with_also
from emohrnet_tf.errors import InputError

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def make_index(speakers, emotions=4, clips=3, twins=0, **columns):
    """An index of `clips` clips per speaker and emotion; the first `twins` clips are copied."""
    rows = [
        {"file": f"/c/{s}/{e}-{n}.wav", "emotion": f"e{e}", "speaker": s, "group": f"{s}-{e}-{n}"}
        for s in speakers
        for e in range(emotions)
        for n in range(clips)
    ]
    rows += [row | {"file": row["file"].replace(".wav", "_copy.wav")} for row in rows[:twins]]
    return pd.DataFrame(rows).assign(**columns)


def ravdess():
    return make_index([f"{actor:02}" for actor in range(1, 25)], corpus="ravdess", clips=2)


@st.composite
def indexes(draw, least_speakers=3):
    """Indexes of uneven speakers, with copies of some clips, their rows in any order."""
    count = draw(st.integers(least_speakers, 9))
    speakers = [f"{n:02}" for n in range(count)]
    index = make_index(speakers, emotions=draw(st.integers(2, 4)), clips=4, twins=draw(st.integers(0, 9)))
    fewer = [s for s in speakers if draw(st.booleans())]
    index = index[~(index["speaker"].isin(fewer) & index["file"].str.contains("-[23]"))]
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(index))
    return index.iloc[order].reset_index(drop=draw(st.booleans()))


def assert_sound(index, protocol, seed=0, **options):
    """All folds at once: complete, apart, each clip in test once."""
    count = fold_count(index, protocol, **options)
    tested = np.zeros(len(index), int)
    for fold in range(count):
        parts = split(index, protocol, fold=fold, seed=seed, **options)
        assert parts.name == "split"
        assert parts.index.equals(index.index)
        assert set(parts) == set(PARTS)
        tested += (parts == "test").to_numpy()
        together = ["group"] if protocol == "random" else ["group", "speaker"]
        for name in together:
            assert parts.groupby(index[name].to_numpy()).nunique().max() == 1
        assert set(index["emotion"]) == set(index["emotion"][parts == "train"])
    assert (tested == 1).all()
    return count


@QUICK
@given(indexes(), st.integers(0, 5), st.integers(2, 6))
def test_random_folds(index, seed, folds):
    assume(index.drop_duplicates("group").groupby("emotion").size().min() > 2 * folds)
    assert assert_sound(index, "random", seed=seed, folds=folds) == folds


@QUICK
@given(indexes(least_speakers=4), st.integers(3, 6))
def test_speaker_folds(index, folds):
    folds = min(folds, index["speaker"].nunique())
    assert assert_sound(index, "speaker", folds=folds) == folds


@QUICK
@given(indexes())
def test_one_speaker_out(index):
    assert assert_sound(index, "loso") == index["speaker"].nunique()


@QUICK
@given(indexes(least_speakers=6), st.sampled_from(["random", "speaker", "loso"]), st.integers(0, 3))
def test_the_same_for_any_order_of_rows(index, protocol, seed):
    shuffled = index.sample(frac=1, random_state=seed)
    shuffled = shuffled.assign(group=shuffled["group"].map(lambda name: name[::-1]))  # contents count, not their names
    for fold in range(2):
        parts = split(index, protocol, fold=fold, seed=seed)
        assert parts.equals(split(index, protocol, fold=fold, seed=seed))
        assert parts.equals(split(shuffled, protocol, fold=fold, seed=seed).loc[index.index])


def test_random_is_stratified_and_a_tenth_validates():
    index = make_index([f"{n:02}" for n in range(20)], clips=5)
    parts = split(index, "random")
    shares = pd.crosstab(index["emotion"], parts, normalize="index")
    assert np.allclose(shares[["train", "validation", "test"]], [0.7, 0.1, 0.2], atol=0.011)
    assert not parts.equals(split(index, "random", seed=1))
    assert fold_count(index, "random") == 5


@pytest.mark.parametrize(("scheme", "count"), [("published", 5), ("emobox", 6)])
def test_folds_of_ravdess(scheme, count):
    index = ravdess()
    assert assert_sound(index, "speaker", scheme=scheme) == count
    for fold in range(count):
        parts = split(index, "speaker", fold=fold, scheme=scheme)
        test, validation = SCHEMES[scheme][fold]
        assert set(index["speaker"][parts == "test"]) == set(test.split())
        assert set(index["speaker"][parts == "validation"]) == set(validation.split())


def test_first_published_fold_is_as_published():
    index = ravdess()
    parts = split(index, "speaker")
    assert sorted(set(index["speaker"][parts == "test"])) == ["02", "05", "14", "15", "16"]
    assert sorted(set(index["speaker"][parts == "validation"])) == ["03", "06"]


def test_part_of_ravdess_and_other_corpora_have_balanced_folds():
    index = ravdess()
    part = index[index["speaker"] < "21"]
    assert fold_count(part, "speaker") == 5
    assert (missing_actors(part), missing_actors(index)) == (["21", "22", "23", "24"], [])
    other = make_index([f"{actor:02}" for actor in range(1, 25)], corpus="mine")
    assert not split(other, "speaker").equals(split(other.assign(corpus="ravdess"), "speaker"))
    assert_sound(other, "speaker")
    assert missing_actors(other) is None


def test_speakers_are_dealt_by_number_of_clips():
    index = make_index("abcdefghij", clips=2)
    index = pd.concat([index, make_index("a", clips=30).query("not group.isin(@index.group)")], ignore_index=True)
    sizes = [(split(index, "speaker", fold=fold) == "test").sum() for fold in range(5)]
    alone = [index["speaker"][split(index, "speaker", fold=fold) == "test"].unique().tolist() for fold in range(5)]
    assert ["a"] in alone
    assert sorted(sizes)[:4] == [16, 16, 16, 24]


def test_one_session_out():
    index = make_index([f"Ses0{s}{letter}" for s in range(1, 6) for letter in "FM"])
    index["session"] = index["speaker"].str[:5]
    assert assert_sound(index, "loso") == 5
    parts = split(index, "loso", fold=4)
    assert set(index["session"][parts == "test"]) == {"Ses05"}
    assert set(index["session"][parts == "validation"]) == {"Ses01"}


def test_speakers_of_two_corpora_are_not_the_same():
    index = pd.concat([make_index("abc", corpus="x"), make_index("abc", corpus="y")], ignore_index=True)
    index["file"] = "/" + index["corpus"] + index["file"]
    index["group"] = index["corpus"] + index["group"]
    assert fold_count(index, "loso") == 6


def test_given_split_is_used_as_it_is():
    index = make_index("abcd", split=["train"] * 24 + ["validation"] * 12 + ["test"] * 12)
    assert split(index, "given").tolist() == index["split"].tolist()
    assert fold_count(index, "given") == 1


def test_given_split_without_validation_takes_speakers_or_clips_from_train():
    index = make_index("abcd", split=["train"] * 36 + ["test"] * 12)
    parts = split(index, "given")
    assert (parts[index["split"] == "test"] == "test").all()
    assert len(set(index["speaker"][parts == "validation"])) == 1
    assert not set(index["speaker"][parts == "validation"]) & set(index["speaker"][parts == "train"])
    mixed = make_index("abcd", clips=8).assign(split=lambda i: np.where(i["group"].str.endswith("0"), "test", "train"))
    parts = split(mixed, "given", seed=3)
    assert (parts == "validation").sum() == 14  # of 112
    assert set(mixed["speaker"][parts == "validation"]) > {"a"}
    assert split(mixed.drop(columns="speaker"), "given", seed=3).equals(parts)


@pytest.mark.parametrize(
    ("index", "options", "message"),
    [
        (
            make_index("abc"),
            {"protocol": "kfold"},
            "protocol: give one of random, speaker, loso, corpus, one_corpus, given",
        ),
        (make_index("abc"), {"protocol": "speaker", "scheme": "x"}, "scheme: give one of published, emobox"),
        (make_index("abc"), {"protocol": "speaker", "scheme": "emobox"}, "all 24 actors of RAVDESS"),
        (ravdess(), {"protocol": "speaker", "folds": 4}, "speaker has 5 here; leave it out. Received: 4"),
        (make_index("abc"), {"protocol": "loso", "folds": 5}, "loso has 3 here; leave it out. Received: 5"),
        (make_index("abc"), {"protocol": "speaker", "folds": 4}, "at most the 3 speakers. Received: 4"),
        (make_index("abc"), {"protocol": "speaker", "folds": 1}, "folds: 3 or more"),
        (make_index("ab"), {"protocol": "speaker"}, "needs three speakers.*Received: 2"),
        (make_index("ab"), {"protocol": "loso"}, "needs three speakers.*Received: 2"),
        (make_index("ab", clips=2), {"protocol": "random"}, "at most the 4 different clips of 'e0'. Received: 5"),
        (make_index("abc"), {"protocol": "loso", "fold": 3}, "loso has 3 here, numbered 0 to 2. Received: 3"),
        (make_index("abc"), {"protocol": "random", "fold": -1}, "fold: give a whole number.*Received: -1"),
        (make_index("abc"), {"protocol": "random", "fold": 0.5}, "fold: give a whole number.*Received: 0.5"),
        (make_index("abc"), {"protocol": "random", "seed": True}, "seed: give a whole number.*Received: True"),
        (make_index("abc", emotions=1), {"protocol": "random"}, "two emotions or more"),
        (make_index("abc").drop(columns="speaker"), {"protocol": "loso"}, "no column speaker"),
        (make_index("abc").drop(columns="emotion"), {"protocol": "random"}, "no column emotion"),
        (make_index("abc"), {"protocol": "given"}, "no column split"),
        (make_index("abc", split="dev"), {"protocol": "given"}, "36 rows are not one of train.*Received: 'dev'"),
        (make_index("abc", split="train"), {"protocol": "given"}, "no clip in test"),
        (make_index("abc", speaker=None), {"protocol": "loso"}, "column speaker: 36 of 36 rows have no value"),
        (make_index("abc").iloc[:0], {"protocol": "random"}, "two emotions or more"),
    ],
)
def test_what_cannot_be_split(index, options, message):
    with pytest.raises(InputError, match=message):
        split(index, **options)


def test_guard():
    index = make_index("abc", emotions=2, clips=1)
    parts = pd.Series(["train", "train", "validation", "validation", "test", "test"])
    check_split(index, parts, "speaker")

    def refused(message, protocol="random", parts=parts, **columns):
        with pytest.raises(InputError, match=message):
            check_split(index.assign(**columns), parts, protocol)

    refused("identical clips is in two parts, train and test.*Received: 'k'", group=list("kxyzwk"))
    mixed = index["speaker"].tolist()
    mixed[2] = "c"
    refused("speaker is in two parts, validation and test.*Received: 'c'", "speaker", speaker=mixed)
    check_split(index.assign(speaker=mixed), parts, "random")
    refused(
        "validation has an emotion that train has not.*Received: 'e9'", emotion=["e0", "e1", "e9", "e1", "e0", "e1"]
    )
    refused("test has an emotion that train has not.*Received: 'e9'", emotion=["e0", "e1", "e0", "e1", "e9", "e1"])
    refused("no clip in validation", parts=parts.replace("validation", "train"))
    refused("1 rows are not one of train, validation, test, the first is row 5", parts=parts.where(parts.index < 5))
    refused("one value for each of the 6 rows", parts=parts[1:])
    refused("protocol: give one of", protocol="none")
    refused("column speaker: 1 of 6 rows", "loso", speaker=["a", "a", "b", "b", "c", None])


def test_byte_identical_clips_of_two_speakers_are_refused():
    index = make_index("abcd")
    index.loc[index["speaker"] == "b", "group"] = index["group"][index["speaker"] == "a"].to_numpy()
    with pytest.raises(InputError, match="identical clips is in two parts"):
        split(index, "loso")


def test_an_emotion_of_one_speaker_is_refused():
    index = make_index("abcde")
    index.loc[index["group"] == "a-0-0", "emotion"] = "rare"
    with pytest.raises(InputError, match=r"test has an emotion that train has not.*'rare'"):
        split(index, "loso", fold=0)


@pytest.mark.parametrize(("corpus", "folds"), [("ravdess", (5, 5, 24)), ("emovo", (5, 5, 6))])
def test_real_corpora(corpus, folds):
    folder = os.environ.get("EMOHRNET_CORPORA")
    if not folder or not Path(folder, corpus).is_dir():
        pytest.skip(f"needs EMOHRNET_CORPORA, a folder that holds {corpus}/")
    index, _ = read_corpus(corpus, Path(folder, corpus))
    for protocol, count in zip(("random", "speaker", "loso"), folds):
        assert fold_count(index, protocol) == count
        split(index, protocol)
    assert_sound(index, "speaker")


# --- Further clips that always train ---


def two_corpora():
    own = pd.DataFrame({"file": [f"a{i}" for i in range(24)], "emotion": ["anger", "fear", "joy"] * 8})
    own = own.assign(speaker=[f"s{i // 6}" for i in range(24)], corpus="own")
    other = pd.DataFrame({"file": [f"b{i}" for i in range(8)], "emotion": ["anger", "fear", "joy", "calm"] * 2})
    return own, other.assign(speaker=["s0"] * 8, corpus="other")


@pytest.mark.parametrize("protocol", ["random", "speaker", "loso"])
def test_further_clips_train_in_every_fold_and_change_nothing_else(protocol):
    own, other = two_corpora()
    both = with_also(own, other)
    assert sorted(both.file[both.also]) == [name for name in sorted(other.file) if name not in ("b3", "b7")]
    options = {"folds": 4} if protocol != "loso" else {}
    assert fold_count(both, protocol, **options) == fold_count(own, protocol, **options)
    for fold in range(4):
        alone, together = split(own, protocol, fold, **options), split(both, protocol, fold, **options)
        assert together[~both.also].tolist() == alone.tolist()
        assert set(together[both.also]) == {"train"}


def test_a_clip_cannot_be_measured_and_always_train():
    own, other = two_corpora()
    with pytest.raises(InputError, match="cannot also train"):
        with_also(own, pd.concat([other, own.head(1)]))
    with pytest.raises(InputError, match="No further clip has an emotion"):
        with_also(own, other[other.emotion == "calm"])
