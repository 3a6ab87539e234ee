import { type DeviceRecord, halfWords } from "../../report/devices/record.ts";
import { bytes, plain } from "../format.ts";

export function DeviceCard({ record }: { record: DeviceRecord }) {
  const { device, runtime, backend, protocol, rows } = record;
  const halves = halfWords(record);
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
    ...halves === undefined ? [] : [["numbers", halves] as [string, string]],
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
