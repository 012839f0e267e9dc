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

/** Progress that is shown. It is shown until the program ends, or until it is stopped. */
export interface Progress extends Disposable {
  /** Shows how it ends, and nothing any more. Calling it again changes nothing. */
  stop(): void;
}

/** Where progress is shown by now: two pictures in one place would overwrite each other. */
const inUse = new WeakSet<Stream>();

/**
 * Shows the processes and tasks of the program while they go on: as a tree that changes in place where there is a
 * terminal, else as plain lines; a summary at the end of the program. It sees all that begins from now on, of whichever
 * orchestrator, and is told by nobody. Nothing is written to standard output, and the program is not kept from ending.
 *
 * Loggers that write past `process.stdout` and `process.stderr`, to the file descriptor, destroy the picture: give pino the
 * stream, `pino(process.stderr)`.
 *
 * In a terminal it needs `log-update` (an optional peer dependency); without it, it says so and writes plain lines.
 *
 * @param options - `stream`, `interactive`, `colour`, `filter`, `interval`, `summary`; see `ProgressOptions`
 * @returns a handle with `stop()`, for whoever wants it to end before the program does
 * @throws {ValidationError} for an option that is unknown or wrong, and where the stream shows progress already
 * @example
 * import { showProgress } from 'orchestrator/progress';
 *
 * showProgress();
 */
export function showProgress(options: ProgressOptions = {}): Progress {
  const setting = settingOf(options);
  if (inUse.has(setting.stream))
    throw new ValidationError('stream must be one that shows no progress yet: stop() that first');
  inUse.add(setting.stream);
  const display = new Display(setting);
  return { stop: () => display.stop(), [Symbol.dispose]: () => display.stop() };
}

class Display {
  readonly #model = new Model(performance.now());
  readonly #output: Output;
  #view: View;
  #hasStopped = false;
  /** What is to be undone. */
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

  /** It looks at what is written from the start, also while it is not known yet whether there is something to draw with. */
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

  /** How things stand, where that is not over or all that there is, and what has been done. */
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
