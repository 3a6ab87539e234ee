/** The names under which benchmarks know the report's number formats. */
export { bytes as byteSize, count as grouped, duration, milliseconds, percent, times } from "../report/format.ts";
