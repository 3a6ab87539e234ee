import type { DeviceRecord } from "../../report/devices/record.ts";
import { bytes, plain } from "../format.ts";

/** What f16 has changed, of the network that it has changed most. */
function halfFacts({ rows, protocol }: DeviceRecord): [string, string][] {
  if (protocol.storage !== "f16") return [];
  const found = rows.flatMap(({ halfMaxRel }) => halfMaxRel ?? []);
  if (found.length === 0) return [["numbers", "kept in f32: this device has no f16"]];
  return [["numbers", `kept in f16: outputs differ by at most ${Math.max(...found).toPrecision(2)} of the largest`]];
}

export function DeviceCard({ record }: { record: DeviceRecord }) {
  const { device, runtime, backend, protocol, rows } = record;
  const clock = rows.find((row) => row.clock !== undefined);
  const facts: [string, string][] = [
    ["computed by", backend === "webgpu" ? "WebGPU" : backend],
    ...device
      ? [
        [
          "adapter",
          [device.vendor, device.architecture, device.description].filter((part) => part).join(", ") || "unnamed",
        ],
        ["kind", device.fallback ? "software (fallback)" : "hardware"],
        [
          "features",
          device.features.filter((name) => /f16|subgroups|timestamp/.test(name)).join(", ") ||
          "none of f16, subgroups, timestamps",
        ],
        ...device.limits.maxStorageBufferBindingSize
          ? [["largest binding", bytes(device.limits.maxStorageBufferBindingSize)]]
          : [],
      ] as [string, string][]
      : [],
    ...clock
      ? [["clock", `${clock.clock}, steps of ${plain(clock.quantumMs ?? 0)}\u00a0ms`]] as [string, string][]
      : [],
    ["page", `${runtime.isolated ? "isolated (fine clock)" : "not isolated (coarse clock)"}, ${runtime.cores} cores`],
    ...halfFacts(record),
    ["protocol", `${protocol.mode}, ${protocol.seconds}\u00a0s each, dense and pruned in turns`],
  ];
  return (
    <section class="card" aria-labelledby="device">
      <h2 id="device">{record.name}</h2>
      <dl>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <details>
        <summary>What the browser calls itself</summary>
        <p class="muted">{runtime.userAgent}</p>
      </details>
    </section>
  );
}
