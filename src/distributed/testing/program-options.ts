import type { Plan } from './trouble-plan.js';

/** Options of `Program`: which calls to the target may go wrong, and how. */
export interface ProgramOptions {
  /** The methods whose calls may go wrong. All other methods and properties are passed through. */
  readonly methods: readonly string[];
  /**
   * Properties of the target that are objects whose methods may go wrong. In plans, the methods are named
   * `part.method`.
   */
  readonly parts?: Readonly<Record<string, Part>> | undefined;
  /**
   * Methods whose answers are resources that the program holds until it releases them. A resource is also released when
   * the program dies or when the answer is lost. An answer that is a function is released by calling it.
   */
  readonly held?: Readonly<Record<string, Holding>> | undefined;
  /** The plan. Default: nothing goes wrong. */
  readonly plan?: Plan | undefined;
  /** Called after the target has carried out a call, before the program gets the answer. */
  readonly onDone?: ((method: string, args: readonly unknown[]) => void) | undefined;
  /** Creates the error of a call that fails. Default: a `LostCall`. */
  readonly failure?: ((message: string) => Error) | undefined;
  /**
   * Waits for one pause. Late calls and answers wait up to thirty pauses for the next call. Default: a turn of the
   * event loop.
   */
  readonly pause?: (() => Promise<unknown>) | undefined;
}

/** A property of the target with methods of its own. */
interface Part {
  /** Methods that never go wrong. */
  readonly except: readonly string[];
  /** The name of the property that refers back to the target. */
  readonly whole: string;
}

/** The methods of a held answer. */
interface Holding {
  /**
   * Methods that release the answer. If the program calls none of the releasing methods, the last one is called,
   * including the methods in `surely`. That call never goes wrong.
   */
  readonly letGo: readonly string[];
  /** Methods that release the answer and never go wrong. Default: none. */
  readonly surely?: readonly string[] | undefined;
  /** Other methods whose calls may go wrong. Default: none. */
  readonly calls?: readonly string[] | undefined;
}
