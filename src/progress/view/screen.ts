import type { createLogUpdate } from 'log-update';
import { widthOf } from '../../shared/terminal-text.js';
import type { Size } from '../layout/frame.js';
import { type Line, paint } from '../layout/line.js';
import type { Stream } from '../options.js';
import { type Intercepted, type Interceptor, intercept } from './intercept.js';

const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const eraseLineAbove = '\u001b[1A\u001b[2K';
/** Between these a terminal shows nothing of what happens on it, where it knows them; others ignore them. */
const holdPicture = '\u001b[?2026h';
const showPicture = '\u001b[?2026l';
/** So often a picture is repeated below what others write. Where they write more, it waits for the next. */
const mostRepeats = 100;

/** What is to be seen, as the terminal gets it. */
interface Picture {
  readonly text: string;
  /** How wide its lines are. */
  readonly widths: readonly number[];
}

const blank: Picture = { text: '', widths: [] };

/**
 * The last lines of a terminal, which change in place; log-update draws them. What others write goes above them:
 *
 *     drawn ─ somebody writes: it is erased, they write ─┬─ their line has ended ──► the same is drawn again at once
 *                                                        └─ their line is open (a prompt, dots) ──► it waits until it ends
 *
 * Standard output and standard error are looked at where they are terminals too: then that is the same one.
 */
export class Screen implements Interceptor {
  /** What draws; until there is one, nothing is drawn. */
  #log: ReturnType<typeof createLogUpdate> | undefined = undefined;
  readonly #own: Intercepted;
  readonly #others: readonly Intercepted[];
  /** How wide the lines are that are drawn. */
  #drawn: readonly number[] = [];
  #picture = blank;
  #repeats = 0;
  #columns: number;
  /** How many write by now: who writes may call who writes. */
  #writers = 0;
  #isHeld = false;
  #isLineOpen = false;
  #isCursorHidden = false;
  readonly #onResize = () => {
    if (this.#followSize()) this.redraw();
  };

  /** @param redraw - called when it is to be drawn again at once */
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

  /** From now on there is something to draw with. A line that was opened before is known to be open. */
  begin(create: typeof createLogUpdate): void {
    // The cursor is ours: log-update's would be that of standard error, whatever the stream is.
    this.#log = create(this.#past(), { showCursor: true });
  }

  /** The room that there is. The last column and line stay free: terminals differ in what they do behind these. */
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

  /** Leaves the terminal as it was. */
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

  /** What was drawn last is laid out already; it only has to fit still. */
  #repeat(): void {
    const { width, height } = this.size;
    const { widths } = this.#picture;
    const fits = widths.length > 0 && widths.length <= height && widths.every((line) => line <= width);
    if (fits && this.#repeats++ < mostRepeats) this.#show();
    else this.redraw();
  }

  /** From the first that is erased before others write until it is drawn again, the terminal is held. */
  #write(text: string): void {
    this.#isHeld = this.#writers > 0;
    this.#own.write(`${holdPicture}${text}${this.#isHeld ? '' : showPicture}`);
  }

  /** The stream as log-update needs it, past whoever looks at what is written to it. */
  #past(): NodeJS.WritableStream {
    const past = {
      // When the terminal is held is decided here.
      isTTY: false,
      write: (text: string) => this.#write(text),
      // It is not to wrap or cut anything: what it gets fits.
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
