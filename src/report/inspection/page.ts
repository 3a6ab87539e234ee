/** The page of `secateur inspect`: the graph with its lanes, its coupled groups and what can't be pruned. No script, no network. */
import { type CoupledGroup, type InspectedNode, type Inspection, refusalsOf } from "../../prune/inspect.ts";
import { bytes, count, short } from "../format.ts";
import { type Html, markup, table } from "../markup.ts";
import { renderPage } from "../page.ts";
import baseStyle from "../style.css" with { type: "text" };
import type { NetworkInspection } from "./network.ts";
import { laneRows } from "./lanes.ts";
import { rowLanes } from "./draw.ts";
import style from "./style.css" with { type: "text" };

/** Of the style sheet: --s1 … --s6. */
const COLOURS = 6;

/** The same inspection gives the same bytes. */
export function renderInspection(found: NetworkInspection): string {
  const colours = coloursOf(found.groups);
  const body = markup`<header>
<h1>Network</h1>
<p class="headline">${found.name}: ${found.inputs.map(({ name, shape }) => `${name} [${shape}]`).join(", ")} to ${
    found.outputs.map(({ name, shape }) => `${name} [${shape}]`).join(", ")
  }</p>
${tiles(found)}</header>
<main>
<h2>What goes together</h2>
${groupsTable(found.groups, colours)}${othersTable(found)}${refusedTable(found)}${blocksTable(found)}${
    layersTable(found.nodes)
  }
<h2>Graph</h2>
<p>From top to bottom in order of execution. A line is a value on its way to what reads it. Layers of one colour are
pruned together, those with a ring can't lose a filter.</p>
${drawing(found, colours)}</main>
<footer>1 MAC is one multiply-add, for one sample; N is the batch; parameters include running statistics.</footer>
`;
  return renderPage({ title: `Network: ${found.name}`, styles: [baseStyle, style], body });
}

function tiles({ params, macs, bytes: size, nodes, groups }: Inspection): Html {
  const facts: [string, string][] = [
    [count(params), `parameters, ${bytes(size)} in float32`],
    [short(macs), "MACs for one sample"],
    [count(nodes.length), "nodes"],
    [`${groups.filter(({ why }) => why === undefined).length} of ${groups.length}`, "groups of layers can be pruned"],
  ];
  return markup`<ul class="tiles">${facts.map(([value, label]) => markup`<li><b>${value}</b>${label}</li>`)}</ul>
`;
}

/** Group -> its colour: prunable ones in turn. */
function coloursOf(groups: readonly CoupledGroup[]): Map<string, string> {
  const prunable = groups.filter(({ why }) => why === undefined);
  return new Map(prunable.map(({ name }, i) => [name, `s${i % COLOURS + 1}`]));
}

function groupsTable(groups: readonly CoupledGroup[], colours: ReadonlyMap<string, string>): Html {
  const prunable = groups.filter(({ why }) => why === undefined);
  if (prunable.length === 0) return markup`<p>Nothing here can lose a filter.</p>`;
  return table(
    "Layers that lose filters together",
    [
      { label: "class" },
      { label: "groups" },
      { label: "filters of", kind: "words" },
      { label: "read by", kind: "words" },
    ],
    prunable.map(({ name, size, layers, readers }) => [
      markup`<i class="chip ${colours.get(name)!}"></i>${name}`,
      count(size),
      layers.map(({ name, filtersPerGroup }) =>
        filtersPerGroup === 1 ? name : `${name} (${Number(filtersPerGroup.toFixed(1))} to a group)`
      ).join(", "),
      readers.join(", ") || "–",
    ]),
  );
}

/** Branches, and dimensions of heads, where there are any. */
function othersTable({ others }: Inspection): Html {
  const rows = others.flatMap(({ kind, groups }) =>
    groups.map(({ name, size, layers }) => [kind, count(size), name, layers.join(", ")])
  );
  if (rows.length === 0) return markup``;
  return table("What else can be pruned", [
    { label: "by" },
    { label: "groups" },
    { label: "of", kind: "words" },
    { label: "layers", kind: "words" },
  ], rows);
}

function refusedTable(found: Inspection): Html {
  const none = found.others.flatMap(({ kind, why }) =>
    why === undefined ? [] : [{ kind, why, layers: ["every layer"] }]
  );
  const refusals = [...refusalsOf(found), ...none];
  if (refusals.length === 0) return markup``;
  return table("What can't be pruned, and why", [
    { label: "by" },
    { label: "reason", kind: "words" },
    { label: "layers", kind: "words" },
  ], refusals.map(({ kind, layers, why }) => [kind, why, layers.join(", ")]));
}

/** Blocks in order of execution, and then those that can't become one layer. */
function blocksTable({ blocks: { blocks, refused }, nodes }: NetworkInspection): Html {
  if (blocks.length + refused.length === 0) return markup``;
  const macs = new Map(nodes.map((node) => [node.name, node.macs]));
  return table("Blocks", [
    { label: "block" },
    { label: "kind", kind: "words" },
    { label: "MACs" },
    { label: "can become one layer", kind: "words" },
  ], [
    ...blocks.map(({ name, kind, nodes }) => [
      name,
      kind,
      short(nodes.reduce((sum, node) => sum + (macs.get(node) ?? 0), 0)),
      "yes",
    ]),
    ...refused.map(({ name, kind, reason }) => [name, kind, "–", `no: ${reason}`]),
  ]);
}

function layersTable(nodes: readonly InspectedNode[]): Html {
  return table(
    "What each node costs",
    [
      { label: "layer" },
      { label: "operator", kind: "words" },
      { label: "makes", kind: "words" },
      { label: "weight", kind: "words" },
      { label: "parameters" },
      { label: "MACs" },
    ],
    nodes.filter(({ params, macs }) => params > 0 || macs > 0).map((node) => [
      node.name,
      node.op,
      `[${node.shape}]`,
      node.weight?.join("×") ?? "–",
      count(node.params),
      short(node.macs),
    ]),
  );
}

function drawing({ inputs, nodes, groups }: Inspection, colours: ReadonlyMap<string, string>): Html {
  const rows = laneRows(inputs.map(({ name }) => name), nodes);
  const width = 1 + rows.reduce((most, { lane, from, past }) => Math.max(most, lane, ...from, ...past), 0);
  const why = new Map(groups.map((group) => [group.name, group.why]));
  const items = nodes.map((node, i) => {
    const colour = node.group === undefined ? "plain" : colours.get(node.group) ?? "fixed";
    return markup`<li>${rowLanes(rows[i], width, colour)}<div><p><b>${node.name}</b> ${node.op}</p>
<small>${described(node, node.group === undefined ? undefined : why.get(node.group))}</small></div></li>
`;
  });
  return markup`<ol class="graph">${items}</ol>
`;
}

function described({ shape, params, macs, weight, group, name, refused }: InspectedNode, why?: string): string {
  return [
    `[${shape}]`,
    macs > 0 ? `${short(macs)} MACs` : "",
    params > 0 ? `${short(params)} parameters` : "",
    weight ? `weight ${weight.join("×")}` : "",
    group !== undefined && why === undefined && group !== name ? `goes with ${group}` : "",
    why ?? (group === undefined && refused.filter ? refused.filter : ""),
  ].filter((part) => part !== "").join(" · ");
}
