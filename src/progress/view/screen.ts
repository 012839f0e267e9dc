import type { createLogUpdate } from 'log-update';
import type { Size } from '../layout/frame.js';
import { type Line, paint } from '../layout/line.js';
import type { Stream } from '../options.js';
import { widthOf } from '../text.js';
import { type Intercepted, type Interceptor, intercept } from './intercept.js';

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const eraseLineAbove = '\u001b[1A\u001b[2K';

/**
 * The last lines of a terminal, which change in place; log-update draws them. What others write goes above them:
 *
 *     drawn ─ somebody writes: it is erased, they write ─┬─ their line has ended ──► drawn again
 *                                                        └─ their line is open (a prompt, dots) ──► it waits until it ends
 *
 * Standard output and standard error are looked at where they are terminals too: then that is the same one.
 */
export class Screen implements Interceptor {
  readonly #log: ReturnType<typeof createLogUpdate>;
  readonly #own: Intercepted;
  readonly #others: readonly Intercepted[];
  /** How wide the lines are that are drawn. */
  #drawn: readonly number[] = [];
  #columns: number;
  #isLineOpen = false;
  #isCursorHidden = false;
  readonly #onResize = () => {
    if (this.#followSize()) this.redraw();
  };

  /** @param redraw - called when it is to be drawn again at once */
  constructor(
    private readonly stream: Stream,
    private readonly colour: boolean,
    create: typeof createLogUpdate,
    private readonly redraw: () => void,
  ) {
    this.#columns = columnsOf(stream);
    this.#own = intercept(stream, this);
    const others = [process.stdout, process.stderr].filter((other) => other !== stream && other.isTTY);
    this.#others = others.map((other) => intercept(other, this));
    // The cursor is ours: log-update's would be that of standard error, whatever the stream is.
    this.#log = create(this.#past(), { showCursor: true });
    stream.on('resize', this.#onResize);
  }

  /** The room that there is. The last column and line stay free: terminals differ in what they do behind these. */
  get size(): Size {
    this.#followSize();
    return { width: this.#columns - 1, height: (this.stream.rows || 24) - 1 };
  }

  draw(lines: readonly Line[]): void {
    if (this.#isLineOpen) return;
    if (lines.length === 0) {
      this.#erase();
      return;
    }
    if (!this.#isCursorHidden) this.#own.write(hideCursor);
    this.#isCursorHidden = true;
    this.#log(lines.map((line) => paint(line, this.colour)).join('\n'));
    this.#drawn = lines.map((line) => widthOf(paint(line, false)));
  }

  before(): void {
    this.#erase();
  }

  after(isLineOpen: boolean | undefined): void {
    this.#isLineOpen = isLineOpen ?? this.#isLineOpen;
    if (this.#isLineOpen) this.restoreCursor();
    else this.redraw();
  }

  restoreCursor(): void {
    if (this.#isCursorHidden) this.#own.write(showCursor);
    this.#isCursorHidden = false;
  }

  /** Leaves the terminal as it was. */
  close(): void {
    this.stream.off('resize', this.#onResize);
    this.#erase();
    this.restoreCursor();
    for (const intercepted of [this.#own, ...this.#others]) intercepted.release();
  }

  /** The stream as log-update needs it, past whoever looks at what is written to it. */
  #past(): NodeJS.WritableStream {
    const past = {
      isTTY: true,
      write: this.#own.write,
      // It is not to wrap or cut anything: what it gets fits.
      columns: Infinity,
      rows: Infinity,
    };
    return past as unknown as NodeJS.WritableStream;
  }

  #erase(): void {
    if (this.#drawn.length > 0) this.#log.clear();
    this.#drawn = [];
  }

  /**
   * In a terminal that got narrower, what is drawn has wrapped by now: it takes more lines than were written. The terminal
   * is asked each time before it is drawn: what it says by itself comes later.
   */
  #followSize(): boolean {
    const columns = columnsOf(this.stream);
    if (columns === this.#columns) return false;
    this.#columns = columns;
    const wrapped = this.#drawn.reduce((sum, width) => sum + Math.max(0, Math.ceil(width / columns) - 1), 0);
    const hasDrawn = this.#drawn.length > 0;
    this.#erase();
    this.#own.write(eraseLineAbove.repeat(wrapped));
    return hasDrawn;
  }
}

function columnsOf(stream: Stream): number {
  return stream.getWindowSize?.()[0] || stream.columns || 80;
}
