/** What long work shows of itself; the command line and the web page each bring their own. */
export interface Ui {
  /**
   * Opens a stage of `totalSteps` steps of any unit; close it with `done` or `abandon` before the next one opens.
   *
   * @param from so many steps were done before, where a stage goes on; default 0
   */
  stage(name: string, totalSteps: number, from?: number): StageUi;
  note(text: string): void;
  warn(text: string): void;
}

export interface StageUi {
  /** `step` counts finished steps, 0…totalSteps; `accuracy` is a fraction in 0…1; `text` says what is being done. */
  update(step: number, info: StageInfo): void;
  done(summary?: string): void;
  /** Closes a stage that an error or a stop has cut short: it is not said to be done. */
  abandon(): void;
}

export interface StageInfo {
  readonly loss?: number;
  readonly accuracy?: number;
  readonly text?: string;
  /** Of a bar for a whole run: the stage that it is at. */
  readonly stage?: string;
  /** Seconds until it is done, where that is known better than by the steps so far; "unknown" tells nothing. */
  readonly left?: number | "unknown";
}

/** Shows nothing. */
export function silentUi(): Ui {
  return { stage: () => ({ update() {}, done() {}, abandon() {} }), note() {}, warn() {} };
}
