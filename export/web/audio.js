/** Any audio file -> mono at the model's rate, and the one rule that cuts recordings into windows. */

import { resample } from "./resample.js";

const MAX_MEGABYTES = 300;
const COMMON_RATE = 48000; // what files are decoded to whose own rate is not read here

/**
 * Decode a file by the browser's own decoders, at the file's own rate where it is known, and resample it here.
 * @param {File} file @param {number} sampleRate hertz
 * @returns {Promise<Float32Array>} mono, as `mix` makes it
 * @throws {Error} empty, too large, not audio, no samples, NaN
 */
export async function decode(file, sampleRate) {
  if (file.size === 0) throw new Error("an empty file (0 bytes). Copy it again from its source.");
  if (file.size > MAX_MEGABYTES * 2 ** 20) {
    throw new Error(`larger than ${MAX_MEGABYTES} MB. Cut it, or use “emohrnet predict”.`);
  }
  const bytes = await file.arrayBuffer();
  let audio;
  try {
    audio = await decoder(rateOf(new DataView(bytes))).decodeAudioData(bytes);
  } catch {
    throw new Error("not audio that this browser can decode, or damaged. Open WAV, FLAC, MP3, OGG or M4A.");
  }
  const channels = Array.from({ length: audio.numberOfChannels }, (_, channel) => audio.getChannelData(channel));
  const mono = mix(channels, audio.sampleRate);
  if (!mono.length) throw new Error("a file that holds no samples. Record it again.");
  if (!mono.every(Number.isFinite)) throw new Error("a file with samples that are NaN or infinite. Write it again.");
  return resample(mono, audio.sampleRate, sampleRate);
}

const CANCELLED = 0.01; // of the channels' power in their mean, as emohrnet_tf.audio.files

/**
 * Channels -> mono: their mean; in each tenth of a second in which they cancel, the first of the loud ones instead.
 * @param {Float32Array[]} channels of one length @param {number} sampleRate hertz
 */
export function mix(channels, sampleRate) {
  const mono = new Float32Array(channels[0].length), step = Math.max(1, Math.floor(sampleRate / 10));
  const power = (part) => part.reduce((sum, x) => sum + x * x, 0);
  for (let from = 0; from < mono.length; from += step) {
    const parts = channels.map((channel) => channel.subarray(from, from + step)), mean = mono.subarray(from, from + step);
    parts.forEach((part) => part.forEach((sample, at) => (mean[at] += sample / channels.length)));
    if (channels.length === 1) continue;
    const powers = parts.map(power), all = powers.reduce((sum, x) => sum + x, 0);
    if (power(mean) >= (CANCELLED * all) / channels.length) continue;
    mean.set(parts[powers.findIndex((x) => x >= 0.5 * Math.max(...powers))]);
  }
  return mono;
}

/** First samples of the windows of a recording: half-window hops, the last window flush with the end. */
export function windowStarts(length, samples) {
  const hop = Math.max(1, Math.floor(samples / 2)), last = Math.max(0, length - samples);
  return Array.from({ length: Math.ceil(last / hop) + 1 }, (_, k) => Math.min(k * hop, last));
}

/** Of a recording that goes on: the windows that are whole already, all of which stay. */
export function wholeWindowStarts(length, samples) {
  const hop = Math.max(1, Math.floor(samples / 2));
  return Array.from({ length: Math.max(0, Math.floor((length - samples) / hop) + 1) }, (_, k) => k * hop);
}

const FRAME = 0.1, QUIETER_DB = 35, FLOOR_DB = -85, STANDS_OUT_DB = 10, FEWEST = 5; // as emohrnet_tf.audio.silence

/** Which windows, by their first samples, are not silent: those with 0.1 s that is above the recording's limit. */
export function spoken(waveform, starts, samples, sampleRate) {
  const frame = Math.round(FRAME * sampleRate), levels = [];
  for (let from = 0; from < waveform.length; from += frame) {
    const part = waveform.subarray(from, from + frame);
    const mean = part.reduce((sum, x) => sum + x, 0) / part.length; // an offset is no sound
    levels.push(10 * Math.log10(part.reduce((sum, x) => sum + (x - mean) ** 2, 0) / part.length + 1e-12));
  }
  if (!levels.length) return starts.map(() => false);
  const ordered = levels.toSorted((a, b) => a - b);
  const percentile = (values, share) => {
    const place = share * (values.length - 1), low = Math.floor(place), high = Math.min(low + 1, values.length - 1);
    return values[low] + (values[high] - values[low]) * (place - low);
  };
  const standsOut = Math.max(percentile(ordered, 0.1) + STANDS_OUT_DB, FLOOR_DB);
  const loud = ordered.filter((level) => level > standsOut);
  const limit = Math.max(percentile(loud.length >= FEWEST ? loud : ordered, 0.95) - QUIETER_DB, FLOOR_DB);
  return starts.map((start) => {
    const end = Math.ceil(Math.min(start + samples, waveform.length) / frame);
    return levels.slice(Math.floor(start / frame), end).some((level) => level > limit);
  });
}

/** One window, zero-padded at the end where the recording is shorter. */
export function cutWindow(waveform, start, samples) {
  const window = new Float32Array(samples);
  window.set(waveform.subarray(start, start + samples));
  return window;
}

/** A 16-bit WAV file to play: what the model hears. */
export function toWav(waveform, sampleRate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * waveform.length));
  const text = (at, letters) => [...letters].forEach((letter, k) => view.setUint8(at + k, letter.charCodeAt(0)));
  text(0, "RIFF    WAVEfmt ");
  text(36, "data");
  view.setUint32(4, 36 + 2 * waveform.length, true);
  [16, 0x10001, sampleRate, 2 * sampleRate, 0x100002].forEach((word, k) => view.setUint32(16 + 4 * k, word, true));
  view.setUint32(40, 2 * waveform.length, true);
  waveform.forEach((sample, k) => view.setInt16(44 + 2 * k, 32767 * Math.max(-1, Math.min(1, sample)), true));
  return new Blob([view.buffer], { type: "audio/wav" });
}

/** Hertz of a WAV or FLAC file, from its header. */
function rateOf(view) {
  const tag = (at) => (at + 4 <= view.byteLength ? view.getUint32(at) : 0);
  if (tag(0) === 0x664c6143 && view.byteLength > 21) return view.getUint32(18) >>> 12; // fLaC
  if (tag(0) !== 0x52494646 || tag(8) !== 0x57415645) return COMMON_RATE; // RIFF, WAVE
  for (let at = 12; at + 16 <= view.byteLength; ) {
    if (tag(at) === 0x666d7420) return view.getUint32(at + 12, true); // "fmt "
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size % 2);
  }
  return COMMON_RATE;
}

function decoder(rate) {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    return new OfflineAudioContext(1, 1, COMMON_RATE); // a rate that the browser does not work at
  }
}
