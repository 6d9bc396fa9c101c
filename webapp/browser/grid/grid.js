// Masks of several models on one picture: what is zoomed or moved in one is so in all.
const FARTHEST = 16, PIXELS_FROM = 4, STEP = 0.1;
const root = element.querySelector(".grid"), pictures = root.querySelector(".pictures");
// What is at the left upper corner, in shares of the picture's sides; and how much it is enlarged.
const view = { x: 0, y: 0, zoom: 1 };
let marked = false;

function show() {
  const most = 1 - 1 / view.zoom, inside = (value) => Math.min(most, Math.max(0, value));
  [view.x, view.y] = [inside(view.x), inside(view.y)];
  for (const [name, value] of Object.entries(view)) root.style.setProperty(`--${name}`, value);
  root.classList.toggle("zoomed", view.zoom > 1);
  root.classList.toggle("far", view.zoom >= PIXELS_FROM);
}

// Zooms about a place of the frames, in shares of their sides; by 0 all is shown again.
function zoom(factor, across = 0.5, down = 0.5) {
  const before = view.zoom;
  view.zoom = factor ? Math.min(FARTHEST, Math.max(1, before * factor)) : 1;
  view.x += across * (1 / before - 1 / view.zoom);
  view.y += down * (1 / before - 1 / view.zoom);
  show();
}

function move(across, down) {
  view.x -= across / view.zoom;
  view.y -= down / view.zoom;
  show();
}

function place(event) {
  const frame = event.target.closest(".frame"), box = frame && frame.getBoundingClientRect();
  return box && { across: (event.clientX - box.left) / box.width, down: (event.clientY - box.top) / box.height };
}

function tile(item) {
  const figure = document.createElement("figure"), frame = document.createElement("div");
  const image = document.createElement("img"), caption = document.createElement("figcaption");
  frame.className = "frame";
  image.draggable = false;
  image.src = (marked && item.marked ? item.marked : item.picture).url;
  image.alt = caption.textContent = item.caption;
  frame.append(image);
  figure.append(frame, caption);
  return figure;
}

function render() {
  const items = props.value || [];
  root.hidden = !items.length;
  root.querySelector(".key").hidden = !marked;
  root.querySelector("[data-marked]").setAttribute("aria-pressed", marked);
  pictures.replaceChildren(...items.map(tile));
}

root.querySelector(".bar").addEventListener("click", ({ target }) => {
  if (target.dataset.zoom) zoom(Number(target.dataset.zoom));
  if ("marked" in target.dataset) {
    marked = !marked;
    render();
  }
});
pictures.addEventListener("wheel", (event) => {
  const at = event.ctrlKey && place(event); // also what a pinch on a touchpad sends
  if (!at) return;
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 200), at.across, at.down);
}, { passive: false });
pictures.addEventListener("dblclick", (event) => {
  const at = place(event);
  if (at) zoom(2, at.across, at.down);
});
pictures.addEventListener("pointermove", (event) => {
  const frame = event.buttons && event.target.closest(".frame");
  if (frame) move(event.movementX / frame.clientWidth, event.movementY / frame.clientHeight);
});
pictures.addEventListener("keydown", (event) => {
  const ways = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
  const factor = { "+": 1.5, "-": 1 / 1.5, 0: 0 }[event.key];
  if (ways[event.key]) move(...ways[event.key]);
  else if (factor !== undefined) zoom(factor);
  else return;
  event.preventDefault();
});
watch("value", render);
render();
