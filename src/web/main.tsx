import { render } from "preact";
import { fail, start } from "./state/app.ts";
import { App } from "./views/app.tsx";

const root = document.getElementById("app")!;
root.textContent = "";
render(<App />, root);
addEventListener("unhandledrejection", ({ reason }) => fail(reason));
void start();
