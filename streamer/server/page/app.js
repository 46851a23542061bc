// Sends the microphone to the server that this page came from, and shows the words.

import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const transcript = new Transcript();
let token = new URLSearchParams(location.search).get("token") || sessionStorage.getItem("token") || "";
let session = null;

function say(text, isError = false) {
  $("status").textContent = text;
  $("status").classList.toggle("error", isError);
}

function address(path, parameters) {
  const url = new URL(path, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  if (token) url.searchParams.set("token", token);
  return url;
}

// Whether the server takes our token; if not, the page asks for one.
async function allowed() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch("/v1/streams", { headers });
  $("token-form").hidden = response.status !== 401;
  if (response.status !== 401) return true;
  say(token ? "That is not the token." : "This server asks for a token.", true);
  $("token").focus();
  return false;
}

function show(event) {
  const box = $("transcript");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const added = transcript.take(event);
  if (added) $("finals").append(added);
  $("stable").textContent = transcript.partial.stable;
  $("tail").textContent = transcript.partial.tail;
  const any = Boolean(transcript.text);
  $("empty").hidden = any || Boolean(transcript.partial.stable + transcript.partial.tail);
  for (const button of document.querySelectorAll("[data-format]")) button.disabled = !any;
  $("clear").disabled = !any;
  if (event.type === "warning") say(`${event.what} - ${event.todo}`, true);
  if (atEnd) box.scrollTop = box.scrollHeight;
}

async function listDevices() {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "audioinput" && d.label);
  const chosen = $("device").value;
  $("device").replaceChildren(...devices.map((d) => new Option(d.label, d.deviceId)));
  if (devices.some((d) => d.deviceId === chosen)) $("device").value = chosen;
  $("device").hidden = devices.length < 2;
}

class Session {
  async start() {
    const constraints = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    if ($("device").value) constraints.deviceId = { exact: $("device").value };
    this.media = await navigator.mediaDevices.getUserMedia({ audio: constraints });
    await listDevices();
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("/page/recorder.js");
    const source = this.context.createMediaStreamSource(this.media);
    this.recorder = new AudioWorkletNode(this.context, "recorder", { numberOfOutputs: 0 });
    this.socket = new WebSocket(address("/v1/listen", { rate: this.context.sampleRate }));
    this.socket.onopen = () => {
      source.connect(this.recorder);
      say("Listening.");
    };
    this.recorder.port.onmessage = ({ data }) => {
      $("level").value = Math.sqrt(data.peak);
      if (this.socket.readyState === WebSocket.OPEN) this.socket.send(data.samples.buffer);
    };
    this.socket.onmessage = ({ data }) => show(JSON.parse(data));
    this.socket.onclose = (event) => this.ended(event);
    this.media.getTracks()[0].onended = () => this.finish("The microphone has gone.");
  }

  // Stops the microphone; the last words still come.
  finish(text = "Finishing.") {
    this.release();
    say(text);
    if (this.socket && this.socket.readyState === WebSocket.OPEN) this.socket.send('{"type": "finish"}');
    else if (!this.socket || this.socket.readyState === WebSocket.CONNECTING) this.socket?.close();
  }

  release() {
    this.media?.getTracks().forEach((track) => track.stop());
    if (this.context && this.context.state !== "closed") this.context.close();
    $("level").value = 0;
  }

  ended(event) {
    this.release();
    if (session === this) {
      session = null;
      pressed(false);
    }
    if (event.code === 1000) say("Stopped.");
    else say(event.reason || "The connection to the server was lost.", true);
  }
}

function pressed(on) {
  $("record").setAttribute("aria-pressed", String(on));
  $("record-label").textContent = on ? "Stop" : "Start";
}

async function toggle() {
  if (session) {
    const ending = session;
    session = null;
    pressed(false);
    ending.finish();
    return;
  }
  if (!navigator.mediaDevices) {
    say("Browsers give the microphone only to pages over TLS, or from this machine.", true);
    return;
  }
  const starting = new Session();
  session = starting;
  pressed(true);
  say("Opening the microphone.");
  try {
    if (!(await allowed())) throw null;
    if (session === starting) await starting.start();
    if (session !== starting) starting.finish("Stopped.");
  } catch (error) {
    starting.release();
    if (session === starting) session = null;
    pressed(false);
    if (error?.name === "NotAllowedError") say("The browser did not allow the microphone.", true);
    else if (error?.name === "NotFoundError") say("There is no microphone.", true);
    else if (error) say(`The microphone cannot be used: ${error.message || error}`, true);
  }
}

function download(format) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([transcript.file(format)], { type: "text/plain;charset=utf-8" }));
  link.download = `transcript.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

$("record").addEventListener("click", toggle);
document.addEventListener("keydown", (event) => {
  if (event.altKey && event.code === "KeyR") {
    event.preventDefault();
    toggle();
  }
});
$("device").addEventListener("change", async () => {
  if (!session) return;
  await toggle();
  await toggle();
});
$("clear").addEventListener("click", () => {
  transcript.clear();
  $("finals").replaceChildren();
  show({ type: "cleared" });
});
for (const button of document.querySelectorAll("[data-format]")) {
  button.addEventListener("click", () => download(button.dataset.format));
}
$("token-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  if (await allowed()) {
    sessionStorage.setItem("token", token);
    say("Press the button and speak.");
    $("record").focus();
  }
});
if (token) sessionStorage.setItem("token", token);
allowed().catch(() => say("The server does not answer.", true));
