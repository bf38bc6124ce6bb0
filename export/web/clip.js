/** A recording, whole or still growing, and a model's probabilities of its windows. */

import { cutWindow, spoken, windowStarts, wholeWindowStarts } from "./audio.js";

let clips = 0;

export class Clip {
  #buffer;
  #running;

  /** @param {string} name @param {Float32Array} waveform what there is already @param {boolean} finished */
  constructor(name, model, waveform = new Float32Array(0), finished = true) {
    this.id = clips += 1;
    this.name = name;
    this.#buffer = this.waveform = waveform;
    this.finished = finished;
    this.use(model);
  }

  /** Begin anew with a model. */
  use(model) {
    this.model = model;
    this.windows = [];
    ({ labels: this.labels, samples: this.samples, sampleRate: this.sampleRate } = model);
  }

  append(chunk) {
    const length = this.waveform.length;
    if (length + chunk.length > this.#buffer.length) {
      const larger = new Float32Array(2 * (length + chunk.length));
      larger.set(this.waveform);
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, length);
    this.waveform = this.#buffer.subarray(0, length + chunk.length);
  }

  get seconds() {
    return this.waveform.length / this.sampleRate;
  }

  get starts() {
    return (this.finished ? windowStarts : wholeWindowStarts)(this.waveform.length, this.samples);
  }

  /** Which of the scored windows are not silent. */
  get votes() {
    return spoken(this.waveform, this.windows.map(({ start }) => start), this.samples, this.sampleRate);
  }

  /** Mean of the probabilities of the windows that are not silent; null where there is none yet. */
  get mean() {
    const { votes } = this;
    const heard = this.windows.filter((_, k) => votes[k]);
    if (!heard.length) return null;
    const sum = (label) => heard.reduce((all, { probabilities }) => all + probabilities[label], 0);
    return this.labels.map((_, label) => sum(label) / heard.length);
  }

  get isSilent() {
    return !spoken(this.waveform, this.starts, this.samples, this.sampleRate).some(Boolean);
  }

  /**
   * Score the windows that are not yet, one at a time, so that the page stays alive.
   * @param {() => boolean} onWindow called after each; false stops
   */
  async classify(onWindow) {
    if (this.#running === this.model) return; // the loop below sees what was appended
    const model = (this.#running = this.model);
    try {
      for (let starts = this.starts; this.model === model && this.windows.length < starts.length; starts = this.starts) {
        const start = starts[this.windows.length];
        const probabilities = await model.score(cutWindow(this.waveform, start, this.samples));
        if (this.model !== model) return; // another was opened meanwhile
        this.windows.push({ start, probabilities });
        if (!onWindow()) return;
        await new Promise((resolve) => setTimeout(resolve));
      }
    } catch (error) {
      if (this.model === model) throw error;
    } finally {
      if (this.#running === model) this.#running = undefined;
    }
  }
}
