/** The picture: a spectrogram above one row per label, whose height is its probability over the same time. */

import { drawSpectrogram, mel } from "./spectrogram.js";

// Okabe & Ito's palette, as in the package's pictures (plots/style.py). Names stand beside the rows all the same.
const EMOTIONS = ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"];
const COLOURS = ["#999999", "#56b4e9", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#009e73", "#e69f00"];
const LEFT = 92, RIGHT = 70, TOP = 22, SPECTROGRAM = 170, AXIS = 30, ROW = 38, GAP = 5; // pixels
const TICKS_HZ = [500, 1000, 2000, 4000, 8000];
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];

export class Figure {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.picture = {};
  }

  /**
   * @param {object} clip `waveform`, `sampleRate`, `labels`, `samples` of a window,
   *   `windows` [{start, probabilities}], `mean` (probabilities)
   * @param {number | null} cursor seconds: the column at the right tells the values there
   */
  draw(clip, cursor = null) {
    const { canvas, context } = this;
    const width = canvas.clientWidth, height = TOP + SPECTROGRAM + AXIS + clip.labels.length * ROW + 8;
    const density = window.devicePixelRatio || 1;
    canvas.style.height = `${height}px`;
    [canvas.width, canvas.height] = [Math.round(width * density), Math.round(height * density)];
    context.setTransform(density, 0, 0, density, 0, 0);
    context.font = "13px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.ink = getComputedStyle(canvas).getPropertyValue("--ink");
    this.faint = getComputedStyle(canvas).getPropertyValue("--faint");
    this.rule = getComputedStyle(canvas).getPropertyValue("--rule");
    this.panel = getComputedStyle(canvas).getPropertyValue("--panel");
    this.seconds = Math.max(1e-3, clip.waveform.length / clip.sampleRate);
    this.span = Math.max(1, width - LEFT - RIGHT);
    this.#spectrogram(clip, density);
    this.#time();
    clip.labels.forEach((_, label) => this.#row(clip, label, cursor));
    this.#text(cursor === null ? "mean" : `${cursor.toFixed(1)} s`, width - 4, TOP + SPECTROGRAM + 15, "right");
    if (cursor !== null) {
      const below = TOP + SPECTROGRAM;
      for (const [colour, y, tall] of [["#fff", TOP, SPECTROGRAM], [this.ink, below, height - below - 8]]) {
        context.fillStyle = colour;
        context.fillRect(this.#x(cursor) - 0.75, y, 1.5, tall);
      }
    }
  }

  /** Seconds under a mouse event, or null beside the picture. */
  secondsAt(event) {
    const part = (event.offsetX - LEFT) / this.span;
    return part >= 0 && part <= 1 ? part * this.seconds : null;
  }

  #x(seconds) {
    return LEFT + (this.span * seconds) / this.seconds;
  }

  #text(text, x, y, align, colour = this.faint) {
    this.context.textAlign = align;
    this.context.fillStyle = colour;
    this.context.fillText(text, x, y);
  }

  #spectrogram(clip, density) {
    const size = [Math.min(2000, Math.round(this.span * density)), Math.round(SPECTROGRAM * density)];
    const key = [clip.id, clip.waveform.length, ...size].join();
    if (this.picture.key !== key) {
      this.picture = { key, image: drawSpectrogram(clip.waveform, clip.sampleRate, ...size) };
    }
    this.context.drawImage(this.picture.image, LEFT, TOP, this.span, SPECTROGRAM);
    for (const hz of TICKS_HZ.filter((hz) => hz <= clip.sampleRate / 2)) {
      const y = TOP + SPECTROGRAM * (1 - mel(hz) / mel(clip.sampleRate / 2));
      this.#text(hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`, LEFT - 10, y, "right");
      this.context.fillStyle = this.rule;
      this.context.fillRect(LEFT - 5, y - 0.5, 5, 1);
    }
  }

  #time() {
    const step = STEPS.find((step) => (step / this.seconds) * this.span >= 64) ?? 1800;
    const decimals = step < 1 ? 1 : 0;
    for (let k = 0; k * step <= this.seconds + 1e-6; k += 1) {
      const x = this.#x(k * step), y = TOP + SPECTROGRAM;
      this.context.fillStyle = this.rule;
      this.context.fillRect(x - 0.5, y, 1, 5);
      this.#text(`${(k * step).toFixed(decimals)} s`, x, y + 15, k ? "center" : "left");
    }
  }

  #row(clip, label, cursor) {
    const { context } = this;
    const base = TOP + SPECTROGRAM + AXIS + (label + 1) * ROW, tall = ROW - GAP;
    const colour = coloursOf(clip.labels)[label];
    const points = clip.windows.map(({ start, probabilities }) => // a window stands at its middle
      [(start + Math.min(clip.samples, clip.waveform.length) / 2) / clip.sampleRate, probabilities[label]]);
    const best = clip.mean && clip.mean[label] === Math.max(...clip.mean);
    context.fillStyle = this.panel; // from 0 to 1
    context.fillRect(LEFT, base - tall, this.span, tall);
    context.font = `${best ? 600 : 400} 13px system-ui, sans-serif`;
    this.#text(clip.labels[label], LEFT - 10, base - tall / 2, "right", this.ink);
    if (points.length) {
      const value = cursor === null ? clip.mean?.[label] ?? 0 : interpolate(points, cursor);
      this.#text(`${(100 * value).toFixed(1)} %`, LEFT + this.span + RIGHT - 4, base - tall / 2, "right", this.ink);
      const ends = clip.finished ? [0, this.seconds] : [0, points.at(-1)[0]];
      const line = [[ends[0], points[0][1]], ...points, [ends[1], points.at(-1)[1]]];
      context.beginPath();
      line.forEach(([seconds, share]) => context.lineTo(this.#x(seconds), base - tall * share));
      context.strokeStyle = this.faint;
      context.lineWidth = 1;
      context.stroke();
      context.lineTo(this.#x(ends[1]), base);
      context.lineTo(this.#x(ends[0]), base);
      context.fillStyle = colour;
      context.globalAlpha = 0.9;
      context.fill();
      context.globalAlpha = 1;
    }
    context.font = "13px system-ui, sans-serif";
  }
}

/** Colour of each label: an emotion's own, and for other names those that the emotions leave. */
export function coloursOf(labels) {
  const free = COLOURS.filter((_, number) => !labels.includes(EMOTIONS[number])).concat(COLOURS);
  let taken = 0;
  return labels.map((label) => COLOURS[EMOTIONS.indexOf(label)] ?? free[taken++ % free.length]);
}

/** The value at a time between points [seconds, value]; beyond them the nearest. */
function interpolate(points, seconds) {
  const after = points.findIndex(([time]) => time > seconds);
  if (after === -1) return points.at(-1)[1];
  if (after === 0) return points[0][1];
  const [[t0, v0], [t1, v1]] = points.slice(after - 1, after + 1);
  return v0 + ((v1 - v0) * (seconds - t0)) / (t1 - t0);
}
