/** Who may compute when: nothing else while networks are timed, and one long piece of work at a time. */

type Turn = <T>(work: () => Promise<T>) => Promise<T>;

export interface Turns {
  /** Alone: after everything that was asked for before, and everything asked for later waits for it. */
  readonly timing: Turn;
  /** After other long work, and beside what is short. */
  readonly long: Turn;
  /** Beside long work, and after timing. */
  readonly short: Turn;
  /** Nothing long goes on, or waits: what is timed is timed alone. */
  quiet(): boolean;
}

export function createTurns(): Turns {
  const long = queue(), short = queue();
  let going = 0;
  const counted: Turn = (work) => {
    going++;
    return long(work).finally(() => going--);
  };
  return { timing: (work) => counted(() => short(work)), long: counted, short, quiet: () => going === 0 };
}

function queue(): Turn {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
}
