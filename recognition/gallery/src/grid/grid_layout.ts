import type { RefObject } from "preact";
import { useLayoutEffect, useState } from "preact/hooks";

export const GAP = 16; // px
const NARROW_GRID = 600; // px
const CAPTION_HEIGHT = 58; // px
const SPARE_ROWS = 2; // rendered above and below the window

export interface GridLayout {
  columns: number;
  /** The width of a tile in px; 0 until the grid is measured. */
  side: number;
  /** The rendered rows: from `firstRow` to the row before `endRow`. */
  firstRow: number;
  endRow: number;
}

export const tileHeight = ({ side }: GridLayout) => side + CAPTION_HEIGHT;
export const rowHeight = (layout: GridLayout) => tileHeight(layout) + GAP;

/** Measure the grid. Returns a new layout when the user scrolls to other rows, or when the window changes. */
export function useGridLayout(list: RefObject<HTMLElement | null>): GridLayout {
  const [layout, setLayout] = useState<GridLayout>({ columns: 1, side: 0, firstRow: 0, endRow: 0 });
  useLayoutEffect(() => {
    function update() {
      const measured = measure(list.current!);
      setLayout((old) => (isSame(old, measured) ? old : measured));
    }
    const observer = new ResizeObserver(update);
    observer.observe(document.body); // the content above the grid moves it
    addEventListener("scroll", update, { passive: true });
    addEventListener("resize", update);
    update();
    return () => {
      observer.disconnect();
      removeEventListener("scroll", update);
      removeEventListener("resize", update);
    };
  }, []);
  return layout;
}

function measure(list: HTMLElement): GridLayout {
  const { top, width } = list.getBoundingClientRect();
  const minSide = width < NARROW_GRID ? 140 : 210;
  const columns = Math.max(2, Math.floor((width + GAP) / (minSide + GAP)));
  const side = Math.floor((width - (columns - 1) * GAP) / columns);
  const layout = { columns, side, firstRow: 0, endRow: 0 };
  const height = rowHeight(layout);
  layout.firstRow = Math.max(0, Math.floor(-top / height) - SPARE_ROWS);
  layout.endRow = Math.max(0, Math.ceil((innerHeight - top) / height) + SPARE_ROWS);
  return layout;
}

function isSame(a: GridLayout, b: GridLayout): boolean {
  return a.columns === b.columns && a.side === b.side && a.firstRow === b.firstRow && a.endRow === b.endRow;
}
