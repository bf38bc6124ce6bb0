/** A `.tflite` file of `emohrnet export`, run by LiteRT in WebAssembly: the page never sends audio anywhere. */

import { loadAndCompile, loadLiteRt, Tensor } from "./node_modules/@litertjs/core/dist/index.js";
import { readMetadata } from "./metadata.js";

let runtime;

export class EmotionModel {
  /**
   * @param {Uint8Array} bytes
   * @returns {Promise<EmotionModel>} with `labels`, `samples` of a window, `sampleRate`, `name`
   * @throws {Error} bytes that are not such a file, or that cannot be run
   */
  static async load(bytes) {
    const about = readMetadata(bytes);
    runtime ??= loadLiteRt(new URL("./node_modules/@litertjs/core/wasm/", import.meta.url).href);
    try {
      await runtime;
    } catch (error) {
      runtime = undefined;
      throw new Error(`LiteRT did not start (${error.message}). Run “npm ci” in this folder, then reload the page.`);
    }
    let compiled;
    try {
      compiled = await loadAndCompile(bytes, { accelerator: "wasm" });
    } catch (error) {
      throw new Error(`a file that cannot be run (${error.message ?? error}). Export the model again.`);
    }
    return new EmotionModel(compiled, about);
  }

  constructor(compiled, about) {
    const inputs = compiled.getInputDetails(), outputs = compiled.getOutputDetails();
    const input = inputs.find(({ name }) => name === "waveform");
    const reference = inputs.find(({ name }) => name === "reference"); // a page of strangers has none: zeros
    const output = outputs.length === 1 ? outputs[0] : outputs.find(({ name }) => name === "probabilities");
    if (!input || output?.shape.at(-1) !== about.labels.length) {
      compiled.delete();
      throw new Error("a file whose input or labels do not fit. Open one made by “emohrnet export”.");
    }
    this.compiled = compiled;
    this.samples = input.shape.at(-1);
    this.filters = reference?.shape.at(-1) ?? 0;
    this.labels = about.labels;
    this.sampleRate = about.sample_rate;
    this.name = [about.name, about.kind].filter(Boolean).join(", ");
  }

  /**
   * @param {Float32Array} window `samples` long
   * @returns {Promise<number[]>} a probability for each label
   */
  async score(window) {
    const waveform = new Tensor(window, [1, this.samples]);
    const none = this.filters ? { reference: new Tensor(new Float32Array(this.filters), [1, this.filters]) } : {};
    const outputs = await this.compiled.run({ waveform, ...none });
    const row = Array.from(await outputs.probabilities.data());
    for (const tensor of [waveform, ...Object.values(none), ...Object.values(outputs)]) tensor.delete();
    return row;
  }

  close() {
    this.compiled.delete();
  }
}
