import type { createLogUpdate } from 'log-update';
import { frame } from '../layout/frame.js';
import type { Line } from '../layout/line.js';
import type { Model } from '../model/model.js';
import type { Setting } from '../options.js';
import type { Output } from './output.js';
import { Screen } from './screen.js';
import type { View } from './view.js';
import { writeLines } from './write-lines.js';

/** The shortest time between two pictures, where others write, in milliseconds. */
const leastPause = 80;

/** Pictures that change in place. */
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

  /** From now on there is something to draw with; before, nothing is drawn, and it is seen what others write. */
  begin(create: typeof createLogUpdate): void {
    this.#screen.begin(create);
    this.#drawSoon();
  }

  tick(now: number): void {
    this.#drawnAt = now;
    this.#screen.draw(frame(this.model, this.#screen.size, { symbols: this.setting.symbols, now }));
  }

  /** Somebody else decides about a signal, and may end the program without a word. */
  restoreCursor(): void {
    this.#screen.restoreCursor();
  }

  finish(lines: readonly Line[]): void {
    clearTimeout(this.#soon);
    this.#screen.close();
    writeLines(this.output, this.setting.colour, lines);
  }

  /** At once, or, where much is written by others, not more often than it would be anyway. */
  #drawSoon(): void {
    if (this.#soon !== undefined) return;
    const draw = () => {
      this.#soon = undefined;
      this.tick(performance.now());
    };
    this.#soon = setTimeout(draw, Math.max(0, leastPause - (performance.now() - this.#drawnAt))).unref();
  }
}
