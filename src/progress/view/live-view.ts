import type { createLogUpdate } from 'log-update';
import { frame } from '../layout/frame.js';
import type { Line } from '../layout/line.js';
import type { Model } from '../model/model.js';
import type { Setting } from '../options.js';
import type { Output } from './output.js';
import { Screen } from './screen.js';
import type { View } from './view.js';
import { writeLines } from './write-lines.js';

/** Minimum milliseconds between two drawings when other code writes to the terminal. */
const leastPause = 80;

/** A view that changes in place. */
export class LiveView implements View {
  readonly #screen: Screen;
  #drawnAt = -Infinity;
  #soon: NodeJS.Timeout | undefined;

  constructor(
    private readonly model: Model,
    private readonly setting: Setting,
    private readonly output: Output,
  ) {
    this.#screen = new Screen(setting.stream, setting.colour, () => this.#drawSoon());
  }

  /** Starts drawing with log-update. Until then, the view draws nothing and only watches what other code writes. */
  begin(create: typeof createLogUpdate): void {
    this.#screen.begin(create);
    this.#drawSoon();
  }

  tick(now: number): void {
    this.#drawnAt = now;
    this.#screen.draw(frame(this.model, this.#screen.size, { symbols: this.setting.symbols, now }));
  }

  /** Called when another listener handles a signal and may end the program without further notice. */
  restoreCursor(): void {
    this.#screen.restoreCursor();
  }

  finish(lines: readonly Line[]): void {
    clearTimeout(this.#soon);
    this.#screen.close();
    writeLines(this.output, this.setting.colour, lines);
  }

  /** Draws at once, but at most every `leastPause` milliseconds. */
  #drawSoon(): void {
    if (this.#soon !== undefined) return;
    const draw = () => {
      this.#soon = undefined;
      this.tick(performance.now());
    };
    this.#soon = setTimeout(draw, Math.max(0, leastPause - (performance.now() - this.#drawnAt))).unref();
  }
}
