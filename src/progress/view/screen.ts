import type { createLogUpdate } from 'log-update';
import { widthOf } from '../../shared/terminal-text.js';
import type { Size } from '../layout/frame.js';
import { type Line, paint } from '../layout/line.js';
import type { Stream } from '../options.js';
import { type Intercepted, type Interceptor, intercept } from './intercept.js';

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const eraseLineAbove = '\u001b[1A\u001b[2K';
/**
 * Synchronised output: the terminal shows no changes between these two sequences. Terminals without this feature ignore
 * the sequences.
 */
const holdPicture = '\u001b[?2026h';
const showPicture = '\u001b[?2026l';
/**
 * Maximum number of times that the same picture is redrawn below other output. After that, drawing waits for the next
 * picture.
 */
const mostRepeats = 100;

/** A picture, rendered for the terminal. */
interface Picture {
  readonly text: string;
  /** Widths of its lines, in columns. */
  readonly widths: readonly number[];
}

const blank: Picture = { text: '', widths: [] };

/**
 * The last lines of a terminal, which change in place. log-update draws them. Output of other code goes above them:
 *
 *     drawn ─ other code writes: erase, write ─┬─ its line has ended ──► the same picture is drawn again at once
 *                                              └─ its line is open (a prompt, dots) ──► drawing waits until it ends
 *
 * Standard output and standard error are also intercepted if they are terminals, because they then share the same
 * screen.
 */
export class Screen implements Interceptor {
  /** log-update. Nothing is drawn until it is loaded. */
  #log: ReturnType<typeof createLogUpdate> | undefined = undefined;
  readonly #own: Intercepted;
  readonly #others: readonly Intercepted[];
  /** Widths of the lines on the screen. */
  #drawn: readonly number[] = [];
  #picture = blank;
  #repeats = 0;
  #columns: number;
  /** Number of nested writes in progress: a writer may call another writer. */
  #writers = 0;
  #isHeld = false;
  #isLineOpen = false;
  #isCursorHidden = false;
  readonly #onResize = () => {
    if (this.#followSize()) this.redraw();
  };

  /** @param redraw - called when the picture has to be drawn again at once */
  constructor(
    private readonly stream: Stream,
    private readonly colour: boolean,
    private readonly redraw: () => void,
  ) {
    this.#columns = columnsOf(stream);
    this.#own = intercept(stream, this);
    const others = [process.stdout, process.stderr].filter((other) => other !== stream && other.isTTY);
    this.#others = others.map((other) => intercept(other, this));
    stream.on('resize', this.#onResize);
  }

  /** Starts drawing. A line that other code left open before is taken into account. */
  begin(create: typeof createLogUpdate): void {
    // The screen controls the cursor itself: log-update would always use the cursor of standard error.
    this.#log = create(this.#past(), { showCursor: true });
  }

  /**
   * The available space. The last column and the last line stay free, because terminals behave differently at the
   * edges.
   */
  get size(): Size {
    this.#followSize();
    return { width: this.#columns - 1, height: (this.stream.rows || 24) - 1 };
  }

  draw(lines: readonly Line[]): void {
    this.#repeats = 0;
    this.#picture = {
      text: lines.map((line) => paint(line, this.colour)).join('\n'),
      widths: lines.map((line) => widthOf(paint(line, false))),
    };
    this.#show();
  }

  before(): void {
    if (this.#writers++ > 0) return;
    this.#followSize();
    this.#erase();
  }

  after(isLineOpen: boolean | undefined): void {
    this.#isLineOpen = isLineOpen ?? this.#isLineOpen;
    if (--this.#writers > 0) return;
    if (this.#isLineOpen) this.restoreCursor();
    else this.#repeat();
    if (this.#isHeld) this.#own.write(showPicture);
    this.#isHeld = false;
  }

  restoreCursor(): void {
    if (this.#isCursorHidden) this.#own.write(showCursor);
    this.#isCursorHidden = false;
  }

  /** Restores the terminal. */
  close(): void {
    this.stream.off('resize', this.#onResize);
    this.#erase();
    this.restoreCursor();
    for (const intercepted of [this.#own, ...this.#others]) intercepted.release();
  }

  #show(): void {
    if (this.#log === undefined || this.#isLineOpen) return;
    const { text, widths } = this.#picture;
    if (widths.length === 0) {
      this.#erase();
      return;
    }
    if (!this.#isCursorHidden) this.#own.write(hideCursor);
    this.#isCursorHidden = true;
    this.#log(text);
    this.#drawn = widths;
  }

  /** Draws the last picture again if it still fits, otherwise requests a new picture. */
  #repeat(): void {
    const { width, height } = this.size;
    const { widths } = this.#picture;
    const fits = widths.length > 0 && widths.length <= height && widths.every((line) => line <= width);
    if (fits && this.#repeats++ < mostRepeats) this.#show();
    else this.redraw();
  }

  /**
   * Writes to the terminal. When other code writes, the terminal holds its output from the first erased line until the
   * picture is drawn again.
   */
  #write(text: string): void {
    this.#isHeld = this.#writers > 0;
    this.#own.write(`${holdPicture}${text}${this.#isHeld ? '' : showPicture}`);
  }

  /** Creates the stream for log-update, which bypasses the interceptor. */
  #past(): NodeJS.WritableStream {
    const past = {
      // The screen itself decides when to hold the terminal's output.
      isTTY: false,
      write: (text: string) => this.#write(text),
      // The lines already fit, so log-update must not wrap or cut them.
      columns: Infinity,
      rows: Infinity,
    };
    return past as unknown as NodeJS.WritableStream;
  }

  #erase(): void {
    if (this.#drawn.length > 0) this.#log?.clear();
    this.#drawn = [];
  }

  /**
   * Adapts to the current width of the terminal, and returns true if it changed while lines were drawn. In a terminal
   * that has become narrower, the drawn lines have wrapped and take more lines than were written. The size is read
   * before each drawing, because the terminal's own event comes later.
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
