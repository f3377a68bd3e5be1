// A chart as the API draws it, with its words, and as a file: SVG, PNG, or the figures behind it as CSV. Loaded where a chart is shown.

import { saveFile } from "./api.js";
import { h, problemNotice } from "./dom.js";
import { t } from "./labels.js";

const SHARPER = 2; // pixels of a PNG for each of the picture

// It comes parsed, as the nodes of an XML document, and no markup of it is run.
function picture(text) {
  const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  const [title, words] = ["title", "desc"].map((name) => svg.querySelector(name).textContent);
  return { svg, title, words };
}

// `ask` gives the text of the SVG, `rows` (or a promise of them) the figures as rows of cells, the first of which are the headings.
export async function showChart(place, name, ask, rows) {
  place.setAttribute("aria-busy", "true");
  if (!place.childElementCount) place.replaceChildren(h("p", { class: "note" }, t("drawing")));
  try {
    const text = await ask();
    const { svg, title, words } = picture(text);
    const file = (kind, make) =>
      h("button", { class: "link", onclick: async () => saveFile(await make(), `${name}.${kind}`) }, kind.toUpperCase());
    place.replaceChildren(
      h("div", { class: "chart", tabindex: "0", role: "group", "aria-label": title }, svg),
      h(
        "div",
        { class: "chart-foot" },
        h("details", { class: "note" }, h("summary", {}, t("inWords")), h("p", {}, words)),
        h(
          "p",
          { class: "downloads" },
          `${t("download")}: `,
          file("svg", () => new Blob([text], { type: "image/svg+xml" })),
          file("png", () => toPng(text, svg)),
          rows ? file("csv", async () => toCsv(await rows())) : null,
        ),
      ),
    );
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!("status" in error)) console.error(error);
    place.replaceChildren(problemNotice(error, () => showChart(place, name, ask, rows)));
  } finally {
    place.setAttribute("aria-busy", "false");
  }
}

async function toPng(text, svg) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const { width, height } = svg.viewBox.baseVal.width ? svg.viewBox.baseVal : image;
  const canvas = h("canvas", { width: SHARPER * width, height: SHARPER * height });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

// With a byte order mark, so that spreadsheets read Chinese, and an apostrophe before what they could run as a formula.
export function toCsv(rows) {
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return new Blob(["\ufeff", rows.map((row) => row.map(cell).join(",")).join("\r\n"), "\r\n"], { type: "text/csv" });
}
