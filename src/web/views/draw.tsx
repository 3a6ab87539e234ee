/** Draw a digit; both forms of the network say what they see, while the finger is still on the glass. */
import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { milliseconds, percent } from "../format.ts";
import { inkGrid, LINE_WIDTH, SIDE } from "../ink.ts";
import type { Calls } from "../messages.ts";
import { diagnosis, engine, fail, running } from "../state/app.ts";

type Answer = Calls["classify"]["answer"];

export function Draw() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const answer = useSignal<Answer | undefined>(undefined);
  const empty = useSignal(true);
  /** For screen readers, when the pen rests: each stroke's many answers would drown it. */
  const said = useSignal("");
  const asking = useRef({ busy: false, again: false });

  useEffect(() => clear(canvas.current!), []);

  /** One question at a time; the last drawing is always asked about. */
  async function ask(pen: Pen): Promise<void> {
    if (asking.current.busy) return void (asking.current.again = true);
    asking.current.busy = true;
    try {
      do {
        asking.current.again = false;
        const pixels = inkGrid(canvas.current!);
        if (pixels) answer.value = await engine().call("classify", { pixels });
      } while (asking.current.again);
      if (!pen.down && answer.value) said.value = inWords(answer.value);
    } catch (error) {
      fail(error);
    } finally {
      asking.current.busy = false;
    }
  }

  function reset(): void {
    clear(canvas.current!);
    answer.value = undefined;
    said.value = "";
    empty.value = true;
  }

  if (diagnosis.value) return <p class="note">Drawings are classified on WebGPU, which this browser doesn't have.</p>;
  return (
    <section class="card draw" aria-labelledby="draw">
      <h2 id="draw">Draw a digit</h2>
      <p class="muted">
        {running.value
          ? "Networks are being timed: answers come when that is done."
          : "The trained digits network and its pruned form both look at it. Nothing leaves this device."}
      </p>
      <div class="columns">
        <div>
          <DrawingArea
            canvas={canvas}
            onInk={(pen) => {
              empty.value = false;
              void ask(pen);
            }}
          />
          <button type="button" disabled={empty.value} onClick={reset}>Clear</button>
        </div>
        <div>
          <p role="status" class="unseen">{said.value}</p>
          {answer.value && <Verdict answer={answer.value} />}
        </div>
      </div>
    </section>
  );
}

/** Whether the finger is on the glass at the moment. */
interface Pen {
  down: boolean;
}

/** A canvas that a finger, a pen or the mouse draws on; `onInk` follows each piece of a stroke, and its end. */
function DrawingArea({ canvas, onInk }: { canvas: RefObject<HTMLCanvasElement | null>; onInk: (pen: Pen) => void }) {
  const pen = useRef<Pen>({ down: false }).current;
  const context = () => canvas.current!.getContext("2d")!;

  function point(event: PointerEvent): [number, number] {
    const { left, top, width } = canvas.current!.getBoundingClientRect();
    return [(event.clientX - left) * SIDE / width, (event.clientY - top) * SIDE / width];
  }

  return (
    <canvas
      ref={canvas}
      width={SIDE}
      height={SIDE}
      role="img"
      aria-label="Drawing area: draw one digit from 0 to 9 with a finger, a pen or the mouse"
      onPointerDown={(event) => {
        pen.down = true;
        canvas.current!.setPointerCapture(event.pointerId);
        const [x, y] = point(event);
        context().beginPath();
        context().moveTo(x, y);
        context().lineTo(x + 0.01, y);
        context().stroke();
        onInk(pen);
      }}
      onPointerMove={(event) => {
        if (!pen.down) return;
        for (const step of event.getCoalescedEvents?.() ?? [event]) context().lineTo(...point(step));
        context().stroke();
        onInk(pen);
      }}
      onPointerUp={() => {
        pen.down = false;
        onInk(pen);
      }}
      onPointerCancel={() => pen.down = false}
    />
  );
}

function clear(canvas: HTMLCanvasElement): void {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = "#111";
  context.lineWidth = LINE_WIDTH;
  context.lineCap = context.lineJoin = "round";
}

function likeliest(probabilities: readonly number[]): number {
  return probabilities.indexOf(Math.max(...probabilities));
}

function inWords(answer: Answer): string {
  return answer.map(({ variant, probabilities }) => `${variant}: ${likeliest(probabilities)}`).join(", ");
}

function Verdict({ answer }: { answer: Answer }) {
  return (
    <>
      <p class="verdict">
        {answer.map(({ variant, probabilities, ms }) => {
          const digit = likeliest(probabilities);
          return (
            <span key={variant}>
              {variant} sees <strong>{digit}</strong>
              <small>
                {percent(probabilities[digit], 0)} sure,{" "}
                {ms === undefined ? "its time can't be told now" : `takes ${milliseconds(ms)}\u00a0ms`}
              </small>
            </span>
          );
        })}
      </p>
      <p class="muted">The times are the networks' own, without the page's wait for them.</p>
      <table class="probabilities">
        <thead>
          <tr>
            <th scope="col">digit</th>
            {answer.map(({ variant }) => <th key={variant} scope="col">{variant}</th>)}
          </tr>
        </thead>
        <tbody>
          {Array.from({ length: 10 }, (_, digit) => (
            <tr key={digit}>
              <th scope="row">{digit}</th>
              {answer.map(({ variant, probabilities }) => (
                <td key={variant}>
                  <span class={`bar-cell ${variant}`} style={{ width: `${60 * probabilities[digit]}%` }} />
                  {percent(probabilities[digit], 0)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
