// The text of a stream from its events, and its files. Pure: no page, no network.

const LINE = 42;
const CUE_SECONDS = 6;

export class Transcript {
  constructor() {
    this.clear();
  }

  clear() {
    this.text = "";
    this.finals = [];
    this.partial = { stable: "", tail: "" };
  }

  // Takes an event; returns what it adds to the text.
  take(event) {
    if (event.type === "partial") {
      const space = this.text && !/\s$/.test(this.text) ? " " : "";
      const stable = event.display_stable;
      this.partial = { stable: stable ? space + stable : "", tail: (stable ? "" : space) + event.display.slice(stable.length) };
      if (!event.display) this.partial = { stable: "", tail: "" };
      return "";
    }
    let added = "";
    if (event.type === "final") {
      added = (this.text ? event.join || " " : event.join) + event.display;
      this.mark((/^[.,?!:]+/.exec(event.join) || [""])[0]);
      this.finals.push({ ...event, mark: "" });
      this.partial = { stable: "", tail: "" };
    } else if (event.type === "close") {
      added = event.display;
      this.mark(event.display);
    } else if (event.type === "gap") {
      added = ` [${(event.end - event.start).toFixed(1)} s lost] `;
    }
    this.text += added;
    return added;
  }

  mark(mark) {
    if (mark && this.finals.length) this.finals[this.finals.length - 1].mark = mark;
  }

  file(format) {
    if (format === "txt") return this.text.trim() + "\n";
    const cues = this.finals.flatMap(cuesOf);
    if (format === "srt") {
      return cues.map((cue, i) => `${i + 1}\n${time(cue.start, ",")} --> ${time(cue.end, ",")}\n${cue.text}\n\n`).join("");
    }
    const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
    return "WEBVTT\n\n" + cues.map((cue) => `${time(cue.start, ".")} --> ${time(cue.end, ".")}\n${escaped(cue.text)}\n\n`).join("");
  }
}

// Cuts a final into cues of two lines at most; written words take their share of its time.
function cuesOf(final) {
  const words = (final.display + final.mark).split(/\s+/).filter(Boolean);
  const spoken = final.words.length === words.length ? final.words : null;
  const start = final.words.length ? final.words[0].start : final.start;
  const end = final.words.length ? final.words[final.words.length - 1].end : final.end;
  const length = words.reduce((sum, word) => sum + word.length + 1, 0);
  const cues = [];
  let cue = null;
  let place = 0;
  words.forEach((word, i) => {
    const from = spoken ? spoken[i].start : start + ((end - start) * place) / length;
    place += word.length + 1;
    const to = spoken ? spoken[i].end : start + ((end - start) * place) / length;
    const fits = cue && inTwoLines(`${cue.text} ${word}`) && to - cue.start <= CUE_SECONDS;
    if (fits) {
      cue.text += " " + word;
      cue.end = to;
    } else {
      cue = { start: from, end: to, text: word };
      cues.push(cue);
    }
  });
  for (const each of cues) {
    each.text = twoLines(each.text);
    each.end = Math.max(each.end, each.start + 0.001);
  }
  return cues;
}

function inTwoLines(text) {
  return twoLines(text).split("\n").every((line) => line.length <= LINE);
}

function twoLines(text) {
  if (text.length <= LINE) return text;
  const before = text.lastIndexOf(" ", LINE);
  return before < 0 ? text : text.slice(0, before) + "\n" + text.slice(before + 1);
}

function time(seconds, point) {
  const ms = Math.round(seconds * 1000);
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  return `${two(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)}${point}${String(ms % 1000).padStart(3, "0")}`;
}
