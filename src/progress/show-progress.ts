import type * as LogUpdate from 'log-update';
import { ValidationError } from '../index.js';
import { loadPeers } from '../shared/peers.js';
import { messageOf } from '../shared/terminal-text.js';
import { atExit, atSignal } from './ending.js';
import { frame } from './layout/frame.js';
import { type Line, span } from './layout/line.js';
import { summary } from './layout/summary.js';
import { Model } from './model/model.js';
import { type ProgressOptions, type Setting, type Stream, settingOf } from './options.js';
import { LiveView } from './view/live-view.js';
import { Output } from './view/output.js';
import { PlainView } from './view/plain-view.js';
import type { View } from './view/view.js';
import { watch } from './watch.js';

/**
 * A progress display, returned by `showProgress`. The display is shown until the program ends or until `stop()` is
 * called. It is disposable: with `using`, it stops at the end of the block.
 *
 * @example
 * const progress = showProgress();
 * await orchestrator.run(work);
 * progress.stop();
 */
export interface Progress extends Disposable {
  /** Writes the final state and the summary, then stops the display. Later calls have no effect. */
  stop(): void;
}

/** Streams that already show progress. Two displays on the same stream would overwrite each other. */
const inUse = new WeakSet<Stream>();

/**
 * Shows the running processes and tasks of the program: in a terminal as a tree that changes in place, elsewhere as
 * plain lines. A summary follows at the end. All orchestrators of the program are shown without further setup,
 * beginning with the next process or task. Progress writes to standard output only if told to, and does not keep the
 * program from ending.
 *
 * Loggers that write to the file descriptor directly, and so bypass `process.stdout` and `process.stderr`, garble the
 * display. Give pino the stream: `pino(process.stderr)`.
 *
 * The display in a terminal needs `log-update`, an optional peer dependency. Without it, `showProgress` reports the
 * missing package and writes plain lines.
 *
 * @param options - `stream`, `interactive`, `colour`, `filter`, `interval`, `summary`; see `ProgressOptions`
 * @returns a handle with `stop()`, to end the display before the program ends
 * @throws {ValidationError} if an option is unknown or not valid, or if the stream already shows progress
 * @example
 * import { showProgress } from 'orchestrator/progress';
 *
 * showProgress();
 */
export function showProgress(options: ProgressOptions = {}): Progress {
  const setting = settingOf(options);
  if (inUse.has(setting.stream))
    throw new ValidationError(
      'stream already shows progress: call stop() on that display first, or pass another stream',
    );
  inUse.add(setting.stream);
  const display = new Display(setting);
  return { stop: () => display.stop(), [Symbol.dispose]: () => display.stop() };
}

class Display {
  readonly #model = new Model(performance.now());
  readonly #output: Output;
  #view: View;
  #hasStopped = false;
  /** Functions that undo what the constructor has set up. */
  readonly #undo: (() => void)[];

  constructor(private readonly setting: Setting) {
    const { stream, interval, isInteractive } = setting;
    this.#output = new Output(stream);
    this.#view = isInteractive ? this.#live() : this.#plain();
    const timer = setInterval(() => this.#tick(), interval).unref();
    this.#undo = [watch(this.#model, setting.filter), atExit(() => this.stop()), () => clearInterval(timer)];
  }

  stop(): void {
    if (this.#hasStopped) return;
    this.#hasStopped = true;
    for (const undo of this.#undo) undo();
    this.#view.finish(this.#lastLines());
    this.#output.close();
    inUse.delete(this.setting.stream);
  }

  #tick(): void {
    const now = performance.now();
    this.#model.tick(now);
    this.#view.tick(now);
  }

  #plain(): View {
    const view = new PlainView(this.#model, this.setting, this.#output);
    this.#model.listener = view;
    return view;
  }

  /** Intercepts writes from the start, even before `log-update` is loaded. */
  #live(): View {
    const view = new LiveView(this.#model, this.setting, this.#output);
    void this.#begin(view);
    return view;
  }

  async #begin(view: LiveView): Promise<void> {
    try {
      const peers = await loadPeers<{ 'log-update': typeof LogUpdate }>('Live progress', ['log-update']);
      if (this.#hasStopped) return;
      view.begin(peers['log-update'].createLogUpdate);
      this.#undo.push(atSignal({ end: () => this.stop(), yield: () => view.restoreCursor() }));
    } catch (error) {
      if (this.#hasStopped) return;
      view.finish([[span(messageOf(error), 'dim')]]);
      this.#view = this.#plain();
    }
  }

  /**
   * Returns the last lines to write: the current state (if work is still running or no summary follows), then the
   * summary.
   */
  #lastLines(): readonly Line[] {
    const { stream, symbols, hasSummary } = this.setting;
    const now = performance.now();
    const width = (stream.columns || 120) - 1;
    const { root } = this.#model;
    const { toldProblem, hasToldAll } = this.#view;
    this.#model.tick(now);
    const size = { width, height: (stream.rows || 24) - 1 };
    const picture = root.live > 0 || !hasSummary ? frame(this.#model, size, { symbols, now, isLast: true }) : [];
    const done = hasSummary && !hasToldAll ? summary(this.#model, { width, symbols, now, toldProblem }) : [];
    return done.length === 0 ? picture : [...picture, [], ...done];
  }
}
