/** The page: four things to do, the way between them at the thumb's reach. */
import { message, ready, type Tab, tab } from "../state/app.ts";
import { Draw } from "./draw.tsx";
import { Shrink } from "./shrink.tsx";
import { Time } from "./time.tsx";
import { Train } from "./train.tsx";

const TABS: readonly { readonly id: Tab; readonly label: string }[] = [
  { id: "time", label: "Time" },
  { id: "draw", label: "Draw" },
  { id: "train", label: "Train" },
  { id: "shrink", label: "Shrink" },
];

export function App() {
  return (
    <>
      <header>
        <h1>Secateur</h1>
        <p>What pruning a neural network buys on this very device.</p>
      </header>
      <main aria-busy={!ready.value}>
        <Message />
        {tab.value === "time" && <Time />}
        {tab.value === "draw" && <Draw />}
        {tab.value === "train" && <Train />}
        {tab.value === "shrink" && <Shrink />}
      </main>
      <nav class="tabs" aria-label="What to do">
        {TABS.map(({ id, label }) => (
          <button
            key={id}
            type="button"
            aria-current={tab.value === id ? "page" : undefined}
            onClick={() => {
              tab.value = id;
              scrollTo({ top: 0 });
            }}
          >
            {label}
          </button>
        ))}
      </nav>
    </>
  );
}

function Message() {
  const found = message.value;
  return (
    <div role="alert">
      {found && (
        <p class="note warn">
          {found.text}
          {found.internal && " This is a fault of the page: reload it, and please report it."}
          <button type="button" class="plain" onClick={() => message.value = undefined}>Close</button>
        </p>
      )}
    </div>
  );
}
