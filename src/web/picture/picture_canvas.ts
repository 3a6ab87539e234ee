/** The picture of a result: drawn on a canvas, as a PNG file. It looks the same whatever colours the page has. */
import type { PictureContent, PictureRow } from "./picture_content.ts";

/** Pixels. */
export const PICTURE_WIDTH = 1080;
const SIDE = 56;
const HEAD = 190;
const WARNING = 56;
const ROW = 196;
const FOOT = 84;
const RIGHT = PICTURE_WIDTH - SIDE;
/** Of the longest bar, and of its label behind it. */
const LONGEST = 560, LABEL = 250;
const BAR = 36;

const COLORS = {
  paper: "#fdfefc",
  ink: "#18201b",
  muted: "#4f5c53",
  line: "#d5dcd4",
  dense: "#a84c14",
  pruned: "#17703e",
} as const;

/** What is used of a canvas' context. */
export type Pen = Pick<
  CanvasRenderingContext2D,
  "fillStyle" | "font" | "textAlign" | "fillRect" | "fillText" | "measureText"
>;

/** @throws Error where the browser makes no file of a canvas */
export async function pictureFile(content: PictureContent): Promise<Blob> {
  const canvas = document.createElement("canvas");
  canvas.width = PICTURE_WIDTH;
  canvas.height = pictureHeight(content);
  drawPicture(canvas.getContext("2d")!, content);
  return await new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => blob ? resolve(blob) : reject(new Error("this browser makes no file of a picture")),
      "image/png",
    )
  );
}

export function pictureHeight({ rows, warning }: PictureContent): number {
  return HEAD + (warning === undefined ? 0 : WARNING) + rows.length * ROW + FOOT;
}

export function drawPicture(pen: Pen, content: PictureContent): void {
  const height = pictureHeight(content);
  pen.fillStyle = COLORS.paper;
  pen.fillRect(0, 0, PICTURE_WIDTH, height);
  write(pen, content.title, { y: 86, size: 50, weight: 700 });
  write(pen, content.subtitle, { y: 140, size: 32, color: COLORS.muted });
  let top = HEAD;
  if (content.warning !== undefined) {
    write(pen, content.warning, { y: HEAD, size: 32, color: COLORS.dense });
    top += WARNING;
  }
  content.rows.forEach((row, i) => drawRow(pen, row, top + i * ROW));
  write(pen, content.foot, { y: height - 34, size: 26, color: COLORS.muted });
}

function drawRow(pen: Pen, { network, batch, ratio, bars, remark }: PictureRow, top: number): void {
  pen.fillStyle = COLORS.line;
  pen.fillRect(SIDE, top - 12, RIGHT - SIDE, 2);
  const ratioWidth = write(pen, ratio, { x: RIGHT, y: top + 92, size: 64, weight: 700, align: "right" });
  write(pen, "as fast", { x: RIGHT, y: top + 130, size: 26, color: COLORS.muted, align: "right" });
  const longest = Math.min(LONGEST, RIGHT - SIDE - ratioWidth - 24 - LABEL);
  const named = write(pen, network, { y: top + 36, size: 34, weight: 700, most: 0.7 * (RIGHT - SIDE) });
  write(pen, batch, { x: SIDE + named + 16, y: top + 36, size: 28, color: COLORS.muted });
  bars.forEach(({ kind, label, share }, i) => {
    const y = top + 52 + i * (BAR + 6);
    const length = Math.max(3, longest * share);
    pen.fillStyle = COLORS[kind];
    pen.fillRect(SIDE, y, length, BAR);
    write(pen, label, { x: SIDE + length + 12, y: y + 27, size: 26 });
  });
  write(pen, remark, { y: top + 164, size: 26, color: COLORS.muted });
}

interface Writing {
  /** Default: the left margin. */
  readonly x?: number;
  /** Of the base line. */
  readonly y: number;
  readonly size: number;
  readonly weight?: number;
  readonly color?: string;
  readonly align?: "left" | "right";
  /** Default: up to the right margin. */
  readonly most?: number;
}

/** Writes what there is room for, and gives its width. */
function write(
  pen: Pen,
  text: string,
  { x = SIDE, y, size, weight = 400, color = COLORS.ink, align = "left", most }: Writing,
) {
  pen.font = `${weight} ${size}px system-ui, sans-serif`;
  pen.fillStyle = color;
  pen.textAlign = align;
  const shown = fitted(pen, text, most ?? (align === "right" ? x - SIDE : RIGHT - x));
  pen.fillText(shown, x, y);
  return pen.measureText(shown).width;
}

/** The text, or its beginning where it is wider than that. */
function fitted(pen: Pen, text: string, width: number): string {
  if (pen.measureText(text).width <= width) return text;
  let length = text.length - 1;
  while (length > 0 && pen.measureText(text.slice(0, length) + "…").width > width) length--;
  return text.slice(0, length) + "…";
}
