export interface Point {
  readonly x: number;
  readonly y: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Sizes of the nodes and labels of a graph. Nodes are identified by their index. */
export interface Sketch {
  readonly sizes: readonly Size[];
  readonly edges: readonly {
    readonly source: number;
    readonly target: number;
    /** Size of the label; zero if there is no label. */
    readonly label: Size;
  }[];
  /** `LR`: from left to right; `TB`: from top to bottom. */
  readonly direction: 'LR' | 'TB';
  readonly isDense: boolean;
}

/** Positions in an arranged graph: centres of nodes and labels, and the corners of edges. */
export interface Arrangement extends Size {
  readonly nodes: readonly Point[];
  readonly edges: readonly { readonly points: readonly Point[]; readonly label?: Point }[];
}

export const margin = 16;

/** Pixels between layers, and between the nodes of a layer. */
export function gapsOf(isDense: boolean): { readonly layers: number; readonly nodes: number } {
  return isDense ? { layers: 36, nodes: 10 } : { layers: 52, nodes: 24 };
}
