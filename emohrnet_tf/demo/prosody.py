"""How emotions sound in the embedded corpus: points in valence, arousal and dominance, and the prosody made of them."""

DIMENSIONS = ("valence", "arousal", "dominance")

# ---- Emotions: chosen. The signs are those of the published norms (pleasure, arousal, dominance); the distances are
# set so that eight classes overlap. RAVDESS code = row + 1.
EMOTIONS = {  #  valence arousal dominance
    "neutral":   (+0.00, -0.15, +0.08),
    "calm":      (+0.42, -0.48, +0.00),
    "happiness": (+0.55, +0.38, +0.40),
    "sadness":   (-0.47, -0.43, -0.44),
    "anger":     (-0.43, +0.52, +0.48),
    "fear":      (-0.43, +0.47, -0.48),
    "disgust":   (-0.47, -0.20, +0.35),
    "surprise":  (+0.38, +0.52, -0.35),
}  # fmt: skip
SPREAD = 0.56  # a clip's standard deviation around its centre / standard deviation of the centres, in each dimension

# ---- Prosody: value = origin + slopes . point + the clip's own noise. Valence moves what changes over time and leaves
# the utterance's averages alone.
PROSODY = {  #                     origin   val    aro    dom   noise
    "pitch_shift_semitones":       (+0.0,  +0.4,  +3.0,  -0.6,  0.6),  # the clip's mean, from the speaker's own pitch
    "pitch_range_semitones":       (+4.5,  +0.3,  +2.6,  +0.0,  0.6),  # height of an accent
    "pitch_fall_semitones":        (+2.0,  +0.0,  +0.0,  +3.0,  0.8),  # from the first word to the last
    "pitch_final_semitones":       (+0.0,  +3.5,  +0.0,  -0.5,  0.9),  # rise in the last quarter
    "pitch_glide_semitones":       (+0.0,  +2.2,  +0.3,  +0.0,  0.5),  # rise within each syllable
    "level_db":                    (+0.0,  +0.0,  +4.0,  +1.0,  1.0),  # from the speaker's own level
    "level_slope_db":              (-3.0,  +0.0,  +0.0,  +5.0,  1.3),  # from the first word to the last
    "level_swell_db":              (+0.0,  +3.5,  +0.0,  +0.0,  0.8),  # rise within each syllable
    "level_contrast_db":           (+6.0,  +0.0,  +1.0,  +4.5,  0.8),  # accented over unaccented
    "rate_log2":                   (+0.0,  +0.0,  +0.28, -0.22, 0.04),
    "lengthening_log2":            (+0.25, -0.35, +0.0,  +0.0,  0.08),  # of the last two syllables
    "tilt_db_per_octave":          (+0.0,  +0.0,  +2.0,  +1.4,  0.4),  # from the speaker's own
    "tilt_swing_db_per_octave":    (+0.0,  +1.5,  +0.0,  +0.0,  0.4),  # brightening within each syllable
    "jitter_percent":              (+0.9,  -0.2,  +0.4,  -0.3,  0.1),
    "shimmer_db":                  (+0.6,  -0.2,  +0.2,  -0.2,  0.1),
    "breath_db":                   (-20.,  +0.0,  -1.0,  -4.0,  1.0),  # under the voice, with the speaker's own
    "consonant_db":                (+0.0,  +0.0,  +0.0,  +6.0,  1.0),  # force of bursts and frication
}  # fmt: skip
