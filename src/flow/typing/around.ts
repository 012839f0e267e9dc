import type { IsAbsent, SourcesOf } from './after.js';
import type { Field } from './known.js';

/*
 * The few records of a flow that a call of the builder has to look at. Each method has them as its last type parameter, so
 * that the compiler goes through all records once for each call, and not for each mention in a signature.
 */

/**
 * The records that decide about a node: of the nodes that it follows, of the edges to them, of their fallbacks, and of what
 * the node and all these stand in for.
 */
export type Around<Nodes, Id, After> =
  IsAbsent<After> extends true
    ? Keyed<Nodes, Id>
    : string extends SourcesOf<After>
      ? never
      : WithFallbacks<Nodes, SourcesOf<After> | Id>;

/** The records that decide about an edge: of its source and its target, of their fallbacks, and of all edges. */
export type Between<Nodes, Source, Target> = string extends Source | Target
  ? never
  : WithFallbacks<Nodes, Source | Target> | Extract<Nodes, { readonly source: string }>;

type Keyed<Nodes, Keys> = Extract<Nodes, { readonly key: Keys }>;

type WithFallbacks<Nodes, Keys, Found = Keyed<Nodes, Keys>> = [FallbacksBeside<Found, Keys>] extends [never]
  ? Found
  : WithFallbacks<Nodes, Keys | FallbacksBeside<Found, Keys>>;

type FallbacksBeside<Found, Keys> = Exclude<Field<Found, 'fallback'>, Keys | undefined>;
