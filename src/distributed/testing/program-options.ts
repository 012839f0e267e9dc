import type { Plan } from './trouble-plan.js';

/** What a program has of its target, and how that goes wrong. */
export interface ProgramOptions {
  /** The methods whose calls may go wrong. All others, and all properties, are the target's own. */
  readonly methods: readonly string[];
  /** Properties of the target with methods of their own that may go wrong, called `part.method`. */
  readonly parts?: Readonly<Record<string, Part>> | undefined;
  /**
   * Methods whose answers are held until they are let go. What a dead program held, and what came in an answer that was
   * lost, is let go. An answer that is a function is let go by its call.
   */
  readonly held?: Readonly<Record<string, Holding>> | undefined;
  /** Default: nothing goes wrong. */
  readonly plan?: Plan | undefined;
  /** Called with each call that the target has done, before the program knows. */
  readonly onDone?: ((method: string, args: readonly unknown[]) => void) | undefined;
  /** Makes the error of a call that failed. Default: a `LostCall`. */
  readonly failure?: ((message: string) => Error) | undefined;
  /** Waits for a thirtieth of the time that something waits for a call that does not come. Default: a turn of the event loop. */
  readonly pause?: (() => Promise<unknown>) | undefined;
}

/** Something with methods of its own. */
interface Part {
  /** Methods that never go wrong. */
  readonly except: readonly string[];
  /** The property that gives what it is part of. */
  readonly whole: string;
}

/** How an answer is held. Calls of its methods may go wrong too. */
interface Holding {
  /** Methods that let it go; the last is called where nobody else lets it go, and never goes wrong then. */
  readonly letGo: readonly string[];
  /** Methods that let it go and never go wrong. Default: none. */
  readonly surely?: readonly string[] | undefined;
  /** Other methods whose calls may go wrong. */
  readonly calls?: readonly string[] | undefined;
}
