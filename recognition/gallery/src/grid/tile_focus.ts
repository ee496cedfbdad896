import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { openImage } from "../address";
import type { GridItem } from "./grid_items";
import { GAP, type GridLayout, rowHeight } from "./grid_layout";

export interface TileFocus {
  /** The index of the tile that the Tab key reaches. */
  current: number;
  setActive: (name: string) => void;
  /** Scroll to a tile and focus it. */
  moveTo: (index: number) => void;
  /** Focus a neighbour of the tile that is about to disappear. */
  leave: (name: string) => void;
}

/** Move the keyboard focus among the tiles, even to a tile that is not in the document yet. */
export function useTileFocus(list: RefObject<HTMLElement | null>, items: GridItem[], layout: GridLayout): TileFocus {
  const [active, setActive] = useState<string | null>(null);
  const waiting = useRef<string | null>(null); // the name of the tile that gets the focus once it is in the document
  const indexes = useMemo(() => new Map(items.map((item, index) => [item.name, index])), [items]);
  const current = indexes.get(active ?? "") ?? 0;

  function focusWaiting() {
    if (waiting.current === null) return;
    const item = `[data-index="${indexes.get(waiting.current)}"]`;
    const tile = list.current!.querySelector<HTMLElement>(`${item} .tile`);
    if (!tile) return;
    waiting.current = null;
    tile.focus({ preventScroll: true });
  }
  useLayoutEffect(focusWaiting);

  function moveTo(index: number) {
    const item = items[Math.max(0, Math.min(index, items.length - 1))];
    if (!item) return;
    scrollToRow(list.current!, Math.floor(indexes.get(item.name)! / layout.columns), rowHeight(layout));
    waiting.current = item.name;
    setActive(item.name);
    focusWaiting();
  }

  function leave(name: string) {
    const index = indexes.get(name) ?? 0;
    const neighbour = items[index + 1] ?? items[index - 1];
    if (!neighbour) return;
    waiting.current = neighbour.name;
    setActive(neighbour.name);
  }

  useViewerReturn((image) => moveTo(indexes.get(image) ?? current));
  return { current, setActive, moveTo, leave };
}

function scrollToRow(list: HTMLElement, row: number, height: number) {
  const top = scrollY + list.getBoundingClientRect().top + row * height;
  const headerHeight = document.querySelector("header")?.offsetHeight ?? 0;
  if (top < scrollY + headerHeight) scrollTo(0, top - headerHeight - GAP);
  else if (top + height > scrollY + innerHeight) scrollTo(0, top + height - innerHeight);
}

/** Call `onReturn` with the picture that was open last when the viewer closes. */
function useViewerReturn(onReturn: (image: string) => void) {
  const last = useRef<string | null>(null);
  const image = openImage.value; // the rendered value: when the effect runs, the picture may be closed again
  useEffect(() => {
    if (image !== null) last.current = image;
    else if (last.current !== null) {
      onReturn(last.current);
      last.current = null;
    }
  }, [image]);
}
