// Unpacks the runtime and the model, which lie in this page, and asks them about pictures.

const MOST_PIXELS = 16e6; // telephones give up on larger canvases
const SHOWN = 8; // bars before "Show all"
const NEAREST = 3; // names of an image that is none of them
const find = (id) => document.getElementById(id);
const told = JSON.parse(find("told").textContent);
let session = null;
let Tensor = null;
let stream = null;
let all = false;
let last = null;
let asked = 0;

// The bytes of one of the page's packed parts: base64 of gzip.
async function unpack(id) {
  const text = find(id).textContent.trim();
  find(id).remove();
  const step = 1 << 20; // a multiple of four, so that each piece is base64 by itself
  const pieces = [];
  for (let at = 0; at < text.length; at += step) {
    pieces.push(Uint8Array.from(atob(text.slice(at, at + step)), (c) => c.charCodeAt(0)));
  }
  const open = new Blob(pieces).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(open).arrayBuffer();
}

async function start() {
  const script = new Blob([await unpack("runtime")], { type: "text/javascript" });
  const ort = await import(URL.createObjectURL(script));
  ort.env.wasm.numThreads = 1; // more need headers that a plain server does not send
  ort.env.wasm.wasmBinary = await unpack("wasm");
  ort.env.logLevel = "error";
  const model = new Uint8Array(await unpack("model"));
  session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  Tensor = ort.Tensor;
  for (const id of ["pick", "camera"]) find(id).disabled = false;
  find("camera").hidden = !navigator.mediaDevices?.getUserMedia;
  say("Ready", "The answer appears here, with how sure the model is.");
  document.body.dataset.state = "ready";
}

// Uint8 RGB of anything that can be drawn; transparent parts become white.
function pixelsOf(source, width, height) {
  const shrink = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  const canvas = find("shown");
  canvas.width = Math.max(1, Math.round(width * shrink));
  canvas.height = Math.max(1, Math.round(height * shrink));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(source, 0, 0, canvas.width, canvas.height);
  const four = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  const three = new Uint8Array((four.length / 4) * 3);
  for (let from = 0, to = 0; from < four.length; from += 4) {
    three[to++] = four[from];
    three[to++] = four[from + 1];
    three[to++] = four[from + 2];
  }
  return new Tensor("uint8", three, [1, canvas.height, canvas.width, 3]);
}

async function ask(source, width, height) {
  const found = await session.run({ pictures: pixelsOf(source, width, height) });
  const shares = Array.from(found.probabilities.data);
  return { shares, distance: found.distance.data[0] };
}

function say(verdict, reason, wrong = false) {
  document.body.classList.toggle("wrong", wrong);
  if (find("verdict").textContent !== verdict) find("verdict").textContent = verdict;
  if (find("reason").textContent !== reason) find("reason").textContent = reason;
}

function answer(found) {
  last = found;
  const order = found.shares.map((_, place) => place);
  order.sort((one, other) => found.shares[other] - found.shares[one]);
  const known = found.distance <= told.threshold;
  const best = order[0];
  const share = found.shares[best];
  const sure = share >= 0.8 ? "Quite sure" : share >= 0.5 ? "Not very sure" : "Unsure";
  const [name, sum] = named(best, found.shares);
  const answers = name !== "";
  const most = `at most ${+(100 * told.promise).toPrecision(6)} % of its answers are wrong`;
  document.body.classList.toggle("unknown", !known);
  document.body.classList.toggle("unsure", known && name !== told.classes[best]);
  if (known && !answers) say("Not sure", `It promises that ${most}, so it gives none here.`);
  else if (known && name !== told.classes[best]) say(name, `Together ${percent(sum)}.`);
  else if (known) say(told.classes[best], `${sure}: ${percent(share)}.`);
  else say("None of these", "It looks unlike everything that this model has learnt. Nearest to it:");
  draw(known && all ? order : order.slice(0, known ? SHOWN : NEAREST), found.shares);
  find("more").hidden = !known || order.length <= SHOWN;
  find("more").textContent = all ? "Show fewer" : `Show all ${order.length} classes`;
  Object.assign(document.body.dataset, {
    best: !known ? "none of these" : answers ? name : "not sure",
    shares: JSON.stringify(found.shares),
  });
}

// The class, or the nearest group that is sure enough for the promise, and how sure that is.
function named(best, shares) {
  let [name, sum, group] = [told.classes[best], shares[best], told.within[best]];
  while (sum < told.least[best] && group) {
    const inside = (_, place) => `${told.within[place]}/`.startsWith(`${group}/`);
    sum = shares.filter(inside).reduce((total, one) => total + one, 0);
    const cut = group.lastIndexOf("/");
    [name, group] = [group.slice(cut + 1), group.slice(0, Math.max(cut, 0))];
  }
  return sum >= told.least[best] ? [name, sum] : ["", sum];
}

function draw(order, shares) {
  const rows = order.map((place, rank) => {
    const [row, name, share, bar, inner] = ["li", "span", "span", "div", "i"].map((tag) =>
      document.createElement(tag),
    );
    [name.className, share.className, bar.className] = ["class", "share", "bar"];
    row.classList.toggle("best", rank === 0);
    name.textContent = told.classes[place];
    share.textContent = percent(shares[place]);
    inner.style.width = `${100 * shares[place]}%`;
    bar.append(inner);
    row.append(name, share, bar);
    return row;
  });
  find("bars").replaceChildren(...rows);
}

const percent = (share) =>
  share > 0 && share < 0.001 ? "less than 0.1 %" : `${(100 * share).toFixed(1)} %`;

function show(id) {
  for (const each of ["shown", "video", "invitation"]) find(each).hidden = each !== id;
  find("drop").classList.toggle("full", id !== "invitation");
}

function nothing(verdict, reason) {
  last = null;
  find("bars").replaceChildren();
  find("more").hidden = true;
  say(verdict, reason, true);
}

async function open(files) {
  const file = files[0];
  if (!file || !session) return;
  stopCamera();
  const mine = ++asked;
  document.body.dataset.state = "busy";
  const more = files.length > 1 ? ` (the first of ${files.length})` : "";
  find("name").textContent = `${file.name || "Pasted picture"}${more}`;
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    if (mine !== asked) return;
    show("shown");
    const found = await ask(picture, picture.width, picture.height);
    picture.close();
    if (mine === asked) answer(found);
  } catch (error) {
    if (mine !== asked) return;
    show("invitation");
    nothing(
      "This can't be read as a picture",
      "The browser can't open this file. Save it as JPEG or PNG and try again.",
    );
    console.info(error);
  }
  document.body.dataset.state = "ready";
}

async function startCamera() {
  const mine = ++asked;
  try {
    const wanted = { video: { facingMode: "environment" }, audio: false };
    const opened = await navigator.mediaDevices.getUserMedia(wanted);
    if (mine !== asked) return opened.getTracks().forEach((track) => track.stop());
    stream = opened;
  } catch (error) {
    nothing(
      "The camera can't be used",
      "Allow this page to use the camera in the browser's settings, or choose a picture.",
    );
    console.info(error);
    return;
  }
  const video = find("video");
  video.srcObject = stream;
  await video.play();
  find("camera").textContent = "Stop the camera";
  find("name").textContent = "Camera";
  show("video");
  while (stream && mine === asked) {
    if (video.videoWidth) {
      const found = await ask(video, video.videoWidth, video.videoHeight);
      if (stream && mine === asked) answer(found);
    }
    await new Promise((next) => setTimeout(next, 100)); // leaves the page time to be used
  }
}

// The last picture stays on view.
function stopCamera() {
  if (!stream) return;
  for (const track of stream.getTracks()) track.stop();
  stream = null;
  find("video").srcObject = null;
  find("camera").textContent = "Use the camera";
  show("shown");
}

find("pick").onclick = () => find("file").click();
find("file").onchange = (event) => {
  open([...event.target.files]);
  event.target.value = ""; // the same file can be chosen again
};
find("camera").onclick = () => {
  asked += stream ? 1 : 0;
  return stream ? stopCamera() : startCamera();
};
find("more").onclick = () => {
  all = !all;
  if (last) answer(last);
};
for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  open([...event.dataTransfer.files]);
});
addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (files.length) open(files);
});

find("about").textContent =
  told.classes.length === 1
    ? `A model of one class, ${told.classes[0]}.`
    : `A model of ${told.classes.length} classes. Give it a picture.`;
for (const [name, text] of Object.entries(told.facts)) {
  const [term, value] = ["dt", "dd"].map((tag) => document.createElement(tag));
  [term.textContent, value.textContent] = [name, text];
  find("facts").append(term, value);
}
start().catch((error) => {
  document.body.dataset.state = "failed";
  nothing(
    "This browser can't run the model",
    "It is too old, or has too little memory. Try a newer Firefox, Chrome, Edge or Safari.",
  );
  console.info(error);
});
