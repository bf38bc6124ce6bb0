/** The page: opens models, files and the microphone, and shows what the model says of them. */

import { decode, toWav } from "./audio.js";
import { Clip } from "./clip.js";
import { coloursOf, Figure } from "./figure.js";
import { record } from "./microphone.js";
import { EmotionModel } from "./model.js";

const MAX_RECORDING_SECONDS = 600;
const at = (id) => document.getElementById(id);
const figure = new Figure(at("figure"));
let model = null, clip = null, stop = null, hovered = null;
let turn = 0; // counts what was opened: of two files opened in a row the second stays

// ---- Models ----

async function openModel(name, read) {
  say(`Loading ${name}…`);
  let next;
  try {
    next = await EmotionModel.load(await read());
  } catch (error) {
    fail(name, error);
    return;
  }
  const last = model;
  model = next;
  clip?.use(model);
  last?.close();
  at("model-name").textContent = `${model.name} · ${model.labels.length} labels`;
  at("audio-file").disabled = at("record").disabled = false;
  at("model-file").parentElement.classList.remove("next");
  at("audio-file").parentElement.classList.add("next");
  say("Ready. Open an audio file, drop one on the page, or record.", "ready");
  if (clip) await classify(clip);
}

// ---- Audio ----

async function openAudio(file) {
  await stop?.();
  const mine = (turn += 1);
  say(`Decoding ${file.name}…`);
  let waveform;
  try {
    waveform = await decode(file, model.sampleRate);
  } catch (error) {
    if (mine === turn) fail(file.name, error);
    return;
  }
  if (mine !== turn) return;
  clip = new Clip(file.name, model, waveform);
  offerToPlay();
  await classify(clip);
}

async function toggleRecording() {
  if (stop) {
    await stop();
    return;
  }
  const recording = new Clip("the microphone", model, undefined, false);
  try {
    const end = await record(model.sampleRate, (chunk) => {
      recording.append(chunk);
      if (recording.seconds > MAX_RECORDING_SECONDS) stop?.();
      classify(recording);
    });
    stop = async () => {
      stop = null;
      at("record").textContent = "Record";
      at("record").ariaPressed = "false";
      await end();
      recording.finished = true;
      offerToPlay();
      await classify(recording);
    };
  } catch (error) {
    fail("The microphone", error);
    return;
  }
  turn += 1;
  clip = recording;
  at("player").hidden = true;
  at("record").textContent = "■ Stop";
  at("record").ariaPressed = "true";
}

function offerToPlay() {
  const player = at("player");
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(toWav(clip.waveform, clip.sampleRate));
  player.hidden = false;
}

// ---- Results ----

async function classify(current) {
  show();
  try {
    await current.classify(() => {
      if (current === clip) show();
      return current === clip;
    });
  } catch (error) {
    fail(current.name, error);
    return;
  }
  if (current === clip) show();
}

function show() {
  if (!clip) return;
  at("result").hidden = false;
  const { mean, windows, starts, seconds, samples, sampleRate } = clip;
  const best = mean ? mean.indexOf(Math.max(...mean)) : null;
  const silent = clip.finished && windows.length === starts.length && !mean;
  at("emotion").textContent = mean ? clip.labels[best] : silent ? "silence" : "…";
  at("emotion").style.borderColor = mean ? coloursOf(clip.labels)[best] : "";
  at("probability").textContent = mean ? percent(mean[best]) : "";
  const length = (samples / sampleRate).toFixed(2);
  const kind = seconds < samples / sampleRate ? `one window of ${length} s, padded with silence` :
    `mean of ${windows.length} window${windows.length === 1 ? "" : "s"} of ${length} s`;
  at("basis").textContent = windows.length ? kind : "";
  const done = clip.finished && windows.length === starts.length;
  say(progress(clip, done), done ? "done" : "busy");
  if (done) fillTable(mean);
  draw();
}

function progress({ name, finished, windows, starts, seconds, samples, sampleRate, isSilent }, done) {
  if (!finished && !windows.length) return `Recording; the first answer comes after ${(samples / sampleRate).toFixed(2)} s.`;
  if (!finished) return `Recording: ${seconds.toFixed(1)} s.`;
  if (!done) return `${name}: ${windows.length} of ${starts.length} windows…`;
  if (isSilent) return `${name}: ${seconds.toFixed(2)} s of silence, in which there is nothing to judge.`;
  return `${name}: ${seconds.toFixed(2)} s.`;
}

function draw() {
  if (!clip) return;
  const { paused, currentTime, hidden } = at("player");
  const playing = !hidden && (!paused || currentTime > 0) && clip.finished ? Math.min(currentTime, clip.seconds) : null;
  figure.draw(clip, hovered ?? playing);
}

function fillTable(mean) {
  const row = (head, cells) => {
    const line = document.createElement("tr");
    const cell = (text, k) => Object.assign(document.createElement(k ? "td" : "th"), { textContent: text });
    line.append(...[head, ...cells].map(cell));
    return line;
  };
  const [head, body, foot] = at("numbers").children;
  const { votes } = clip;
  head.replaceChildren(row("seconds", clip.labels));
  body.replaceChildren(...clip.windows.map(({ start, probabilities }, k) => {
    const end = Math.min(start + clip.samples, clip.waveform.length);
    const [from, to] = [start, end].map((sample) => (sample / clip.sampleRate).toFixed(2));
    return row(`${from} to ${to}`, probabilities.map((share) => votes[k] ? share.toFixed(4) : "")); // silence: none
  }));
  foot.replaceChildren(row("mean", mean ? mean.map((share) => share.toFixed(4)) : clip.labels.map(() => "")));
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function say(text, state = "busy") {
  at("status").textContent = text;
  document.body.dataset.state = state;
}

function fail(name, error) {
  say(`${name}: ${error.message ?? error}`, "failed");
}

// ---- Events ----

function open(file) {
  if (!file) return;
  if (file.name.toLowerCase().endsWith(".tflite")) openModel(file.name, () => bytesOf(file));
  else if (model) openAudio(file);
  else fail(file.name, new Error("open a model first, a .tflite file made by “emohrnet export”."));
}

const bytesOf = async (source) => new Uint8Array(await source.arrayBuffer());

at("model-file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) openModel(file.name, () => bytesOf(file));
  target.value = "";
});
at("audio-file").addEventListener("change", ({ target }) => {
  if (target.files[0]) openAudio(target.files[0]);
  target.value = "";
});
at("record").addEventListener("click", toggleRecording);
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  open(event.dataTransfer.files[0]);
});
at("figure").addEventListener("pointermove", (event) => {
  hovered = figure.secondsAt(event);
  draw();
});
at("figure").addEventListener("pointerleave", () => {
  hovered = null;
  draw();
});
at("figure").addEventListener("click", (event) => {
  const seconds = figure.secondsAt(event);
  if (seconds !== null && clip?.finished) at("player").currentTime = seconds;
});
at("player").addEventListener("play", function follow() {
  draw();
  if (!at("player").paused) requestAnimationFrame(follow);
});
at("player").addEventListener("seeked", draw);
at("player").addEventListener("ended", () => (at("player").currentTime = 0));
new ResizeObserver(draw).observe(at("result"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

const given = new URLSearchParams(location.search).get("model");
if (given) {
  openModel(given, async () => {
    const response = await fetch(given);
    if (!response.ok) throw new Error(`the server answers ${response.status}. Check the address.`);
    return bytesOf(response);
  });
}
