// Shows a stream of the server that this page came from.
// Query: stream (microphone), size (6, in % of the width), lines (2), background (transparent or any
// other word for black), token.

import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const number = (name, least, most, usual) => Math.min(most, Math.max(least, Number(query.get(name)) || usual));
const size = number("size", 1, 30, 6);
const lines = number("lines", 1, 20, 2);
const stream = query.get("stream") || "microphone";

// Beyond this, what has scrolled away is dropped.
const KEPT_CHARACTERS = 2000;
const RETRY_MS = 2000;

$("captions").style.fontSize = `${size}vw`;
$("window").style.maxHeight = `${lines * 1.3 * size}vw`;
document.body.classList.toggle("screen", (query.get("background") || "transparent") !== "transparent");

let transcript = new Transcript();

function show(event) {
  transcript.take(event);
  if (transcript.text.length > KEPT_CHARACTERS) transcript.text = transcript.text.slice(-KEPT_CHARACTERS / 2);
  $("finals").textContent = transcript.text;
  $("partial").textContent = transcript.partial.stable + transcript.partial.tail;
  $("window").scrollTop = $("window").scrollHeight;
}

function connect() {
  const url = new URL(`/v1/streams/${encodeURIComponent(stream)}/events`, location.href);
  if (query.get("token")) url.searchParams.set("token", query.get("token"));
  const source = new EventSource(url);
  const again = () => {
    source.close();
    setTimeout(connect, RETRY_MS);
  };
  source.onopen = () => {
    transcript = new Transcript();
    $("status").textContent = "";
  };
  source.onerror = () => {
    $("status").textContent = `Waiting for the stream ${stream}.`;
    again();
  };
  for (const kind of ["partial", "final", "close", "gap"]) {
    source.addEventListener(kind, ({ data }) => show(JSON.parse(data)));
  }
  source.addEventListener("end", again);
}

connect();
