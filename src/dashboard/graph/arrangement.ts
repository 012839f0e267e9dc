export interface Point {
  readonly x: number;
  readonly y: number;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Nodes and edges by their numbers, and how large they are drawn. */
export interface Sketch {
  readonly sizes: readonly Size[];
  readonly edges: readonly {
    readonly source: number;
    readonly target: number;
    /** Of its label; empty without one. */
    readonly label: Size;
  }[];
  /** `LR`: from left to right; `TB`: downwards. */
  readonly direction: 'LR' | 'TB';
  readonly isDense: boolean;
}

/** Where everything is: middles of nodes and labels, corners of edges. */
export interface Arrangement extends Size {
  readonly nodes: readonly Point[];
  readonly edges: readonly { readonly points: readonly Point[]; readonly label?: Point }[];
}

export const margin = 16;

/** Pixels between layers, and between nodes of a layer. */
export function gapsOf(isDense: boolean): { readonly layers: number; readonly nodes: number } {
  return isDense ? { layers: 36, nodes: 10 } : { layers: 52, nodes: 24 };
}
