// A photo, moved by a camera; without one it rests. `?preset=s` takes the larger networks, `?precision=f32` the largest numbers.
import start, { Engine } from "./portrait_web.js";

const element = (id) => document.getElementById(id);
const canvas = element("picture");
const video = element("preview");
/** Longer side of the camera's frames: the networks look at the face in 256 × 256. */
const FRAME = 640;
/** Longest side of a photo: beyond it nothing is gained but time. */
const PHOTO = 2048;

let engine, avatar, session;
let camera = false;
/** Whether the camera has begun and no session has seen a frame of it. */
let fresh = false;
/** Counts photos, so that a slow one does not come after a newer one. */
let chosen = 0;
let frame = new OffscreenCanvas(FRAME, FRAME);
let last = null;
/** When the pictures of the last two seconds were drawn. */
const counted = [];
const begun = performance.now();
/** What the page did so far; also for tests. */
const done = (window.portrait = { pictures: 0, face: null, adapter: null, failed: null });

function say(text, wrong = false) {
  element("status").textContent = text;
  element("status").classList.toggle("wrong", wrong);
  if (wrong) done.failed = text;
}

function pixels(source, width, height, target = new OffscreenCanvas(width, height)) {
  const context = target.getContext("2d", { willReadFrequently: true });
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** Within a square of this side, in the same shape. */
function fitted(width, height, most) {
  const scale = Math.min(1, most / Math.max(width, height));
  return [width, height].map((n) => Math.max(1, Math.round(n * scale)));
}

function open() {
  const next = engine.session(avatar, canvas, frame.width, frame.height);
  session?.free();
  session = next;
  last = null;
  if (camera) session.recalibrate();
}

async function show(blob) {
  const mine = ++chosen;
  say("Preparing the photo …");
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    return say("This file is no picture that the browser can read.", true);
  }
  const [width, height] = fitted(bitmap.width, bitmap.height, PHOTO);
  try {
    const next = await engine.prepare(new Uint8Array(pixels(bitmap, width, height).buffer), width, height);
    if (mine !== chosen) return next.free();
    const before = avatar;
    avatar = next;
    open();
    before?.free();
    say(avatar.warnings().join("; "));
  } catch (error) {
    if (mine === chosen) say(error.message, true);
  }
}

async function useCamera() {
  element("camera").disabled = true;
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: FRAME }, facingMode: "user" } });
    video.srcObject = stream;
    // One that was given up may end later.
    const ended = () => video.srcObject === stream && stopCamera("The camera has stopped.");
    stream.getVideoTracks()[0].addEventListener("ended", ended);
    await video.play();
    video.hidden = false;
    camera = fresh = true;
    element("neutral").disabled = false;
    say("Look straight ahead for a second.");
  } catch (error) {
    stopCamera(`No camera: ${error.message}`);
  }
}

function stopCamera(why) {
  camera = false;
  done.face = null;
  video.hidden = true;
  // Its light goes out: a camera that cannot be played is on as well.
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  element("neutral").disabled = true;
  element("camera").disabled = false;
  if (avatar) open();
  say(why, true);
}

function drawn(now) {
  const step = last === null ? 1 / 30 : (now - last) / 1000;
  last = now;
  if (camera && video.videoWidth > 0) {
    const [width, height] = fitted(video.videoWidth, video.videoHeight, FRAME);
    if (fresh || frame.width !== width || frame.height !== height) {
      frame = new OffscreenCanvas(width, height);
      fresh = false;
      open();
    }
    session.animate(pixels(video, width, height, frame), element("mirror").checked, step);
    // Only what has changed is said: other messages stay to be read.
    const face = session.face() ?? done.face;
    if (face !== done.face) say(face ? "" : "No face is seen by the camera.");
    done.face = face;
  } else {
    engine.idle(avatar, session, (now - begun) / 1000, step);
  }
  done.pictures += 1;
  counted.push(now);
  while (now - counted[0] > 2000) counted.shift();
  const rate = counted.length > 1 ? (1000 * (counted.length - 1)) / (now - counted[0]) : 0;
  element("rate").textContent = rate > 0 ? `${rate.toFixed(rate < 10 ? 1 : 0)} pictures a second · ${done.adapter}` : done.adapter;
}

function turn(now) {
  try {
    // The newest frame wins: while the device is busy, frames pass.
    if (session?.ready()) drawn(now);
  } catch (error) {
    session = undefined;
    return say(`${error.message}. Reload the page to go on.`, true);
  }
  requestAnimationFrame(turn);
}

async function main() {
  if (!navigator.gpu) {
    return say("This browser has no WebGPU. Chrome, Edge, Safari 26 and Firefox 141 on Windows have.", true);
  }
  const wanted = new URLSearchParams(location.search);
  const preset = wanted.get("preset") ?? "fast";
  try {
    const fetched = Promise.all([fetch(`portrait_${preset}.safetensors`), fetch("portrait.png")]);
    await start();
    const [weights, portrait] = await fetched;
    if (!weights.ok) throw new Error(`there are no weights of a preset "${preset}"; there are fast and s`);
    engine = await Engine.open(preset, new Uint8Array(await weights.arrayBuffer()), wanted.get("precision") ?? undefined);
    done.adapter = engine.adapter();
    await show(await portrait.blob());
  } catch (error) {
    return say(error.message, true);
  }
  element("camera").disabled = false;
  requestAnimationFrame(turn);
}

element("camera").addEventListener("click", useCamera);
element("neutral").addEventListener("click", () => session?.recalibrate());
element("mirror").addEventListener("change", (event) => video.classList.toggle("straight", !event.target.checked));
element("photo").addEventListener("change", (event) => event.target.files[0] && engine && show(event.target.files[0]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", () => document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const file = event.dataTransfer.files[0];
  if (file && engine) show(file);
});
main();
