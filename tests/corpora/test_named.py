import pytest
import soundfile
from numpy.random import default_rng

from emohrnet_tf.corpora import CORPORA, GRAMMARS, read_corpus
from emohrnet_tf.errors import InputError

# A few files of each corpus as it is given away, and what their names say: emotion, speaker, further columns.
TREES = {
    "ravdess": {
        "Actor_02/03-01-05-02-01-02-02.wav": ("anger", "02", {"sex": "female", "intensity": "strong", "repetition": 2}),
        "Actor_01/03-01-02-01-01-01-01.wav": ("calm", "01", {"sex": "male", "vocal_channel": "speech"}),
    },
    "emovo": {
        "EMOVO/f1/gio-f1-b1.wav": ("happiness", "f1", {"sex": "female", "sentence": "b1"}),
        "EMOVO/m3/tri-m3-n5.wav": ("sadness", "m3", {"sex": "male"}),
    },
    "nemo": {
        "samples/MK0_surprised_12.wav": ("surprise", "mk0", {"sentence": "12"}),
        "samples/SM0_neutral_1.wav": ("neutral", "sm0", {}),
    },
    "emospeech": {
        "delhi/bacho-safe-angry-1562907046662-016294ed.wav": ("anger", "016294ed", {"keyword": "bacho"}),
        "delhi/stop-safe-calm-1562907046663-02dc401328.wav": ("calm", "02dc401328", {"environment": "safe"}),
        "delhi/background-safe-None-20190701193438-02dc401328.wav": None,
    },
    "emodb": {
        "wav/03a01Fa.wav": ("happiness", "03", {"sex": "male", "text": "a01"}),
        "wav/16b10Wb.wav": ("anger", "16", {"sex": "female", "version": "b"}),
        "wav/08a02L.wav": ("boredom", "08", {}),
    },
    "crema_d": {
        "AudioWAV/1001_DFA_ANG_XX.wav": ("anger", "1001", {"sentence": "dfa", "intensity": "unspecified"}),
        "AudioWAV/1040_ITH_SAD_X.wav": ("sadness", "1040", {"intensity": "unspecified"}),
        "AudioWAV/1002_IEO_HAP_HI.wav": ("happiness", "1002", {"intensity": "high"}),
    },
    "tess": {
        "TESS/OAF_angry/OAF_back_angry.wav": ("anger", "oaf", {"word": "back", "sex": "female"}),
        "TESS/OAF_neutral/OA_bite_neutral.wav": ("neutral", "oaf", {"word": "bite"}),
        "TESS/YAF_pleasant_surprised/YAF_food_ps.wav": ("surprise", "yaf", {}),
    },
    "savee": {
        "AudioData/DC/sa03.wav": ("sadness", "dc", {"sex": "male", "sentence": "03"}),
        "AudioData/JE/sa03.wav": ("sadness", "je", {}),
        "AudioData/KL/a01.wav": ("anger", "kl", {}),
        "ALL/DC_su15.wav": ("surprise", "dc", {}),
    },
    "urdu": {
        "Angry/SM1_F10_A010.wav": ("anger", "sm1", {"sex": "male"}),
        "Neutral/SF3_F2_N02.wav": ("neutral", "sf3", {"sex": "female"}),
    },
    "turev_db": {
        "Sound Source/Calm/1984_sk_orgu.wav": ("calm", "1984", {"word": "sk_orgu"}),
        "Sound Source/Angry/6783_kz_acik.wav": ("anger", "6783", {}),
    },
    "cafe": {
        "CaFE_48k/Peur/Fort/08-P-2-1.wav": ("fear", "08", {"sex": "female", "intensity": "strong", "sentence": 1}),
        "CaFE_48k/Neutre/01-N-1-3.wav": ("neutral", "01", {"sex": "male", "intensity": "mild"}),
    },
    "shemo": {
        "female/F01A01.wav": ("anger", "f01", {"sex": "female"}),
        "male/M12W03.wav": ("surprise", "m12", {"sex": "male"}),
    },
    "jl_corpus": {
        "Raw/JL(wav+txt)/female1_angry_10a_1.wav": ("anger", "female1", {"sex": "female", "sentence": 10}),
        "Raw/JL(wav+txt)/male2_encouraging_2b_2.wav": ("encouraging", "male2", {"sex": "male", "repetition": 2}),
    },
    "subesco": {
        "F_02_MONIKA_S_1_NEUTRAL_5.wav": ("neutral", "f_02", {"sex": "female", "sentence": 1, "repetition": 5}),
        "F_02_MONIKA_S_2_SURPRISE_3].wav": ("surprise", "f_02", {}),
        "M_01_NAME_S_10_SAD_1.wav": ("sadness", "m_01", {}),
    },
    "aesdd": {
        "anger/a06 (5)b.wav": ("anger", "5", {"sentence": 6}),
        "anger/a06 (5).wav": ("anger", "5", {"sentence": 6}),
        "fear/f13 (01).wav": ("fear", "1", {}),
    },
    "mesd": {
        "Anger_C_A_abajo.wav": ("anger", None, {"voice": "child", "word": "abajo"}),
        "Fear_F_B_arma.wav": ("fear", None, {"voice": "female"}),
    },
}


def write(root, names):
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, 0.1 * default_rng(number).standard_normal(400), 16000)


@pytest.mark.parametrize("name", GRAMMARS)
def test_names_say_emotion_and_speaker(name, tmp_path):
    write(tmp_path, TREES[name])
    index, skipped = read_corpus(name, tmp_path)
    assert skipped.empty
    assert set(index["corpus"]) == {name}
    rows = {file.removeprefix(f"{tmp_path}/"): row for file, row in zip(index["file"], index.to_dict("records"))}
    assert set(rows) == {file for file, said in TREES[name].items() if said}
    for file, row in rows.items():
        emotion, speaker, further = TREES[name][file]
        assert (row["emotion"], row.get("speaker")) == (emotion, speaker)
        assert further.items() <= row.items()


def test_the_table_is_whole():
    assert set(GRAMMARS) < set(CORPORA)
    for grammar in GRAMMARS.values():
        assert all((grammar.licence, grammar.source, grammar.layout))
        assert set(grammar.hidden) <= {"modality", "time", "clip", "session"}
        assert all(
            f"(?P<{column}>" in grammar.pattern for column in (*grammar.codes, *grammar.numbers, *grammar.hidden)
        )
    assert sum(grammar.clips or 0 for grammar in GRAMMARS.values()) > 30000


def test_the_command_lists_every_corpus():
    from typing import get_args

    from emohrnet_tf.cli.options import Corpora

    assert list(get_args(Corpora)) == list(CORPORA)


def test_a_second_copy_counts_once_and_another_speakers_file_of_the_same_name_is_none(tmp_path):
    write(tmp_path, ["a/DC/a01.wav", "b/DC/a01.wav", "a/JE/a01.wav", "a/JE/h01.wav"])
    index, skipped = read_corpus("savee", tmp_path)
    assert index["speaker"].tolist() == ["dc", "je", "je"]
    assert skipped["file"].tolist() == [str(tmp_path / "b/DC/a01.wav")]


def test_who_is_not_known_is_a_speaker_of_their_own(tmp_path):
    nobody = GRAMMARS["emospeech"].nobody
    write(tmp_path, [f"x/go-safe-angry-{n}-{nobody}.wav" for n in (1, 2)] + ["x/go-safe-calm-3-0abc.wav"])
    index, _ = read_corpus("emospeech", tmp_path)
    assert index["speaker"].nunique() == 3


def test_what_is_not_of_the_corpus_is_said(tmp_path):
    write(tmp_path, ["wav/03a01Fa.wav", "wav/03a01Wa.wav", "wav/03a01Xa.wav", "wav/notes.wav"])
    index, skipped = read_corpus("emodb", tmp_path)
    assert len(index) == 2
    reasons = dict(zip((file.rpartition("/")[2] for file in skipped["file"]), skipped["reason"]))
    assert reasons["03a01Xa.wav"].startswith("emotion 'x' is not one of w, l,")
    assert reasons["notes.wav"].startswith("name is not as wav/SSTTTEV.wav")
    with pytest.raises(InputError, match=r"no file of CREMA-D; looked for AudioWAV/.*found 4 others"):
        read_corpus("crema_d", tmp_path)


def test_emovo_without_folders_of_speakers(tmp_path):
    write(tmp_path, ["neu-f1-b1.wav", "gio-m1-b1.wav"])
    assert read_corpus("emovo", tmp_path)[0]["speaker"].tolist() == ["m1", "f1"]
