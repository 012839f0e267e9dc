import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { type Camera, movedBy, type Point, zoomedAt } from './camera.js';

type Change = (change: (camera: Camera) => Camera) => void;

/**
 * Handles gestures: dragging moves the graph, and pinching or Ctrl with the wheel zooms. The wheel alone scrolls the
 * page.
 */
export function useGestures(element: RefObject<SVGSVGElement>, change: Change): void {
  const changing = useRef(change);
  changing.current = change;
  useEffect(() => {
    const target = element.current;
    if (target === null) return;
    const controller = new AbortController();
    const { signal } = controller;
    const fingers = new Map<number, Point>();
    const pointOf = ({ clientX, clientY }: MouseEvent): Point => {
      const { left, top } = target.getBoundingClientRect();
      return { x: clientX - left, y: clientY - top };
    };
    const wheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      changing.current((camera) => zoomedAt(camera, Math.exp(-event.deltaY * 0.004), pointOf(event)));
    };
    const press = (event: PointerEvent) => {
      if (event.button === 0) fingers.set(event.pointerId, pointOf(event));
    };
    const move = (event: PointerEvent) => {
      const before = fingers.get(event.pointerId);
      if (before === undefined) return;
      const after = pointOf(event);
      const [other] = [...fingers].flatMap(([id, point]) => (id === event.pointerId ? [] : [point]));
      if (other === undefined && distance(before, after) < 4 && !target.hasPointerCapture(event.pointerId)) return;
      target.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, after);
      changing.current((camera) => dragged(camera, before, after, other));
    };
    const release = (event: PointerEvent) => void fingers.delete(event.pointerId);
    target.addEventListener('wheel', wheel, { passive: false, signal });
    target.addEventListener('pointerdown', press, { signal });
    target.addEventListener('pointermove', move, { signal });
    target.addEventListener('pointerup', release, { signal });
    target.addEventListener('pointercancel', release, { signal });
    target.addEventListener('pointerleave', release, { signal });
    return () => controller.abort();
  }, [element]);
}

function dragged(camera: Camera, before: Point, after: Point, other: Point | undefined): Camera {
  if (other === undefined) return movedBy(camera, after.x - before.x, after.y - before.y);
  const middle = { x: (after.x + other.x) / 2, y: (after.y + other.y) / 2 };
  const factor = distance(after, other) / Math.max(1, distance(before, other));
  return zoomedAt(movedBy(camera, (after.x - before.x) / 2, (after.y - before.y) / 2), factor, middle);
}

function distance(one: Point, other: Point): number {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
