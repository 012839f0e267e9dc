export { type Graph, graphOf } from './graph.js';
export { drawSvg } from './svg.js';
