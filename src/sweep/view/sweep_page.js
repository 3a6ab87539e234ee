// What the page of a sweep does beyond being read: it sorts the table, tells a dot's numbers, shows which trials a trial was
// bred from, and compares two trials. It reads nothing but the page itself; what is chosen stands behind the address's #. A page
// that a server shows of a sweep that goes on asks that server for a newer one, and takes over what has changed.

const panel = document.getElementById("chosen");
const tip = document.getElementById("tip");
const lost = document.getElementById("lost");
/** Ids of at most two trials. */
let chosen = [];
/** The column that the table is sorted by: its name, and which way. */
let sorted;
// Of the page as it is now.
let body, heads, marks;
document.documentElement.classList.add("script");

const rowOf = (id) => document.getElementById(`trial-${id}`);
const parentsOf = (id) => rowOf(id)?.dataset.parents?.split(" ") ?? [];

/** Makes the page that is there, or has come anew, do what it can. */
function begin() {
  const table = document.getElementById("trials");
  body = table.tBodies[0];
  heads = [...table.tHead.rows[0].cells];
  // Dots and lines: their titles begin with the trial's id.
  marks = [...document.querySelectorAll("figure svg[role] title")]
    .filter((title) => title.parentElement.localName !== "svg")
    .map((title) => {
      const element = title.parentElement;
      const text = title.textContent;
      title.remove();
      return { element, text, id: text.slice(0, text.indexOf(":")), svg: element.closest("svg") };
    });
  chosen = chosen.filter(rowOf);
  listen();
  addBoxes();
  addSorting();
  if (chosen.length > 0) show();
}

/** The middle of a mark on the screen. */
function middle({ element }) {
  const { left, top, width, height } = element.getBoundingClientRect();
  return [left + width / 2, top + height / 2];
}

/** The nearest mark of a chart within reach of a finger. */
function markAt(svg, x, y) {
  let found, least = 24;
  for (const mark of marks) {
    if (mark.svg !== svg) continue;
    const [mx, my] = middle(mark);
    const distance = Math.hypot(mx - x, my - y);
    if (distance < least) [found, least] = [mark, distance];
  }
  return found;
}

// Telling a mark's numbers.
let hovered;
function hover(mark, x, y) {
  if (hovered !== mark) {
    hovered?.element.classList.remove("hovered");
    hovered = mark;
    mark?.element.classList.add("hovered");
    tip.hidden = !mark;
    if (mark) tip.textContent = mark.text;
    drawLineage();
  }
  if (!mark) return;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - width - 8))}px`;
  tip.style.top = `${y - height - 12 > 0 ? y - height - 12 : y + 16}px`;
}
function listen() {
  for (const svg of new Set(marks.map((mark) => mark.svg))) {
    svg.addEventListener(
      "pointermove",
      (event) => hover(markAt(svg, event.clientX, event.clientY), event.clientX, event.clientY),
    );
    svg.addEventListener("pointerleave", () => hover(undefined));
    svg.addEventListener("click", (event) => {
      const mark = markAt(svg, event.clientX, event.clientY);
      if (mark) toggle(mark.id);
    });
  }
}
addEventListener("scroll", () => hover(undefined), { passive: true });

/** A line from each of a trial's parents to it, and from theirs to them, in each chart that has a dot of both. */
function drawLineage() {
  for (const line of document.querySelectorAll(".lineage")) line.remove();
  const lines = [];
  const seen = new Set();
  const climb = (id) => {
    if (seen.has(id)) return;
    seen.add(id);
    for (const parent of parentsOf(id)) {
      lines.push([parent, id]);
      climb(parent);
    }
  };
  for (const id of hovered ? [...chosen, hovered.id] : chosen) climb(id);
  for (const svg of new Set(marks.map((mark) => mark.svg))) {
    const box = svg.getBoundingClientRect();
    if (box.width === 0 || svg.querySelector("[id^='rungs-']")) continue;
    const scale = svg.viewBox.baseVal.width / box.width;
    const placed = new Map(marks.filter((mark) => mark.svg === svg).map((mark) => [mark.id, mark]));
    const parts = lines.flatMap((ids) => {
      const ends = ids.map((id) => placed.get(id));
      if (ends.includes(undefined)) return [];
      const [from, to] = ends.map((mark) => middle(mark).map((at, i) => (at - (i === 0 ? box.left : box.top)) * scale));
      return [`M${from}L${to}`];
    });
    if (parts.length === 0) continue;
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("class", "lineage");
    path.setAttribute("d", parts.join(""));
    svg.append(path);
  }
}
addEventListener("resize", drawLineage);

// Choosing and comparing.
function toggle(id) {
  chosen = chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(-2);
  show();
}

function show() {
  for (const row of body.rows) {
    const on = chosen.includes(row.id.slice("trial-".length));
    row.classList.toggle("chosen", on);
    row.querySelector("input").checked = on;
  }
  for (const mark of marks) mark.element.classList.toggle("chosen-mark", chosen.includes(mark.id));
  drawLineage();
  panel.hidden = chosen.length === 0;
  panel.replaceChildren(...chosen.length === 0 ? [] : [buttons(), comparison()]);
  history.replaceState(null, "", `#${chosen.length === 0 ? "" : `trials=${chosen}`}`);
}

function make(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function buttons() {
  const line = make("p", "", { class: "buttons" });
  const close = make("button", "Close", { type: "button" });
  close.addEventListener("click", () => {
    chosen = [];
    show();
  });
  line.append(close, make("span", chosen.length === 1 ? "Choose a second trial to compare them." : ""));
  return line;
}

/** The columns of the table as rows, with a column for each chosen trial and one for what the second is to the first. */
function comparison() {
  const rows = chosen.map(rowOf);
  const both = rows.length === 2;
  const result = make("table", "", { "aria-label": both ? "Two trials compared" : "The chosen trial" });
  const head = result.createTHead().insertRow();
  head.append(make("th", "trial", { scope: "col" }));
  for (const row of rows) {
    const cell = make("th", "", { scope: "col" });
    const link = row.cells[0].querySelector("a");
    cell.append(link ? link.cloneNode(true) : row.id.slice("trial-".length));
    if (link) cell.append(" (report)");
    head.append(cell);
  }
  if (both) head.append(make("th", "second to first", { scope: "col" }));
  const lines = result.createTBody();
  heads.forEach((column, i) => {
    if (i === 0) return;
    const cells = rows.map((row) => row.cells[i]);
    const line = lines.insertRow();
    line.append(make("th", column.textContent, { scope: "row" }), ...cells.map((cell) => make("td", cell.textContent)));
    if (!both) return;
    line.classList.toggle("differs", cells[0].textContent !== cells[1].textContent);
    line.append(make("td", relation(cells, column.dataset.kind)));
  });
  return result;
}

/** "+0.35 points", "0.61×", or nothing for words and for equals. */
function relation(cells, kind) {
  const [a, b] = cells.map((cell) => Number(cell.dataset.value ?? NaN));
  if (kind === "words" || !Number.isFinite(a) || !Number.isFinite(b) || a === b) return "";
  if (kind === "fraction") return `${b < a ? "−" : "+"}${Math.abs(100 * (b - a)).toFixed(2)} points`;
  return a === 0 ? "" : `${Number((b / a).toPrecision(3))}×`;
}

/** A box before each trial's name, for the keyboard as well. */
function addBoxes() {
  for (const row of body.rows) {
    const id = row.id.slice("trial-".length);
    const box = make("input", "", { type: "checkbox", "aria-label": `choose ${id}` });
    box.addEventListener("change", () => toggle(id));
    row.cells[0].prepend(box);
  }
}

// Sorting: numbers from the largest, words from A, and the other way round at the next click.
const isWords = (i) => i === 0 || heads[i].dataset.kind === "words";
const valueOf = (row, i) => {
  const { dataset, textContent } = row.cells[i];
  return dataset.value === undefined ? textContent : Number(dataset.value);
};

function addSorting() {
  heads.forEach((head, i) => {
    const name = head.textContent;
    const button = make("button", name, { type: "button" });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      sorted = { name, ascending: now === null ? isWords(i) : now === "descending" };
      sort();
    });
  });
  sort();
}

function sort() {
  const i = heads.findIndex((head) => head.textContent === sorted?.name);
  if (i < 0) return;
  const { ascending } = sorted;
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[i].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, i) }));
  // Rows without a number stay last.
  const missing = ({ value }) => !isWords(i) && typeof value !== "number";
  rows.sort((a, b) =>
    missing(a) - missing(b) ||
    (ascending ? 1 : -1) * (a.value < b.value ? -1 : a.value > b.value ? 1 : 0)
  );
  body.append(...rows.map(({ row }) => row));
}

const asked = /^#trials=([\w,]+)$/.exec(location.hash)?.[1].split(",") ?? [];
chosen = asked.filter((id) => rowOf(id)).slice(0, 2);
begin();

// Following a sweep: only what a server sent says so.
const everyMs = () => Number(document.querySelector("header").dataset.follow ?? 0);
let tag = "";

async function follow() {
  const started = performance.now();
  // Nobody looks, or somebody points at a dot.
  if (!document.hidden && !hovered) {
    try {
      const response = await fetch("", { cache: "no-store", headers: tag === "" ? {} : { "if-none-match": tag } });
      if (response.status === 200) {
        const known = tag;
        tag = response.headers.get("etag") ?? "";
        if (known !== tag) takeOver(new DOMParser().parseFromString(await response.text(), "text/html"));
      } else if (response.status !== 304) throw new Error(response.statusText);
      lost.hidden = true;
    } catch {
      lost.textContent =
        "The sweep's server doesn't answer: it was stopped, or its machine is away. This page goes on asking.";
      lost.hidden = false;
    }
  }
  // A large sweep's page takes its server a while.
  if (everyMs() > 0) setTimeout(follow, Math.max(everyMs(), 10 * (performance.now() - started)));
}

/** How to find again what has the keyboard's focus. */
function focused() {
  const { activeElement: element } = document;
  const row = element?.closest("#trials tbody tr"), head = element?.closest("#trials thead th");
  if (row) return `#${row.id} ${element.localName}`;
  if (head) return `#trials thead th:nth-child(${head.cellIndex + 1}) button`;
  return element?.matches("main summary") ? "main summary" : undefined;
}

function takeOver(page) {
  const focus = focused();
  const scrolled = document.querySelector(".scroll").scrollLeft;
  const open = document.querySelector("main details")?.open;
  for (const name of ["header", "main", "footer"]) {
    document.querySelector(name).replaceWith(page.querySelector(name));
  }
  document.title = page.title;
  const details = document.querySelector("main details");
  if (details && open) details.open = true;
  begin();
  document.querySelector(".scroll").scrollLeft = scrolled;
  if (focus) document.querySelector(focus)?.focus({ preventScroll: true });
}

if (everyMs() > 0) setTimeout(follow, everyMs());
