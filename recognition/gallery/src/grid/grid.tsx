import { useEffect, useRef } from "preact/hooks";
import type { Api } from "../api/api";
import type { Deletions } from "../deletions/deletions";
import { strings } from "../strings";
import type { Uploads } from "../uploads/uploads";
import { previewOf, useGridItems } from "./grid_items";
import { GAP, type GridLayout, rowHeight, tileHeight, useGridLayout } from "./grid_layout";
import type { GridEntry, PictureList } from "./picture_list";
import { PendingTile, Tile } from "./tile";
import { useTileFocus } from "./tile_focus";
import "./grid.css";

const PIXELS_PER_NAME_END_CHARACTER = 10; // the end of a name takes most of the tile's width
const PREFETCH_ROWS = 6; // rows before the end at which the next page loads

interface Properties {
  api: Api;
  pictures: PictureList;
  uploads: Uploads;
  deletions: Deletions;
}

/**
 * Shows the pictures as tiles. Only the tiles near the window are in the document. The Tab key reaches one tile, and
 * the arrow keys move from there: https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/
 */
export function Grid({ api, pictures, uploads, deletions }: Properties) {
  const list = useRef<HTMLUListElement>(null);
  const layout = useGridLayout(list);
  const items = useGridItems(pictures, uploads);
  const { current, setActive, moveTo, leave } = useTileFocus(list, items, layout);
  const rows = Math.ceil(items.length / layout.columns);

  useEffect(() => {
    const isNearEnd = layout.side > 0 && layout.endRow + PREFETCH_ROWS > rows;
    if (isNearEnd && !pictures.problem.value) void pictures.loadMore();
  }, [layout.endRow, rows, layout.side, pictures.isLoading.value]);

  function remove(entry: GridEntry) {
    leave(entry.image);
    deletions.request(entry);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const item = items[current];
    const step = keySteps(layout, items.length)[event.key];
    if (step !== undefined) moveTo(current + step);
    else if (event.key === "Delete" && item && "entry" in item) remove(item.entry);
    else return;
    event.preventDefault();
  }

  return (
    <ul
      ref={list}
      id="pictures"
      class="grid"
      aria-label={strings.pictures}
      aria-describedby="grid-keys"
      style={{ height: `${Math.max(0, rows * rowHeight(layout) - GAP)}px` }}
      onKeyDown={onKeyDown}
    >
      {renderedIndexes(layout, items.length, current).map((index) => {
        const item = items[index]!;
        const nameEnd = Math.floor(layout.side / PIXELS_PER_NAME_END_CHARACTER);
        return (
          <li
            key={"entry" in item ? item.name : `upload ${item.upload.id}`}
            data-index={index}
            aria-setsize={pictures.hasMore.value ? -1 : items.length}
            aria-posinset={index + 1}
            style={position(layout, index)}
            onFocusIn={() => setActive(item.name)}
          >
            {"entry" in item ? (
              <Tile
                api={api}
                entry={item.entry}
                preview={previewOf(uploads.all.value, item.entry.image)}
                isTabStop={index === current}
                nameEnd={nameEnd}
                onDelete={() => remove(item.entry)}
              />
            ) : (
              <PendingTile upload={item.upload} isTabStop={index === current} nameEnd={nameEnd} />
            )}
          </li>
        );
      })}
    </ul>
  );
}

/** Return the tiles to move by for each key. */
function keySteps(layout: GridLayout, count: number): Record<string, number> {
  const { columns } = layout;
  const page = Math.max(1, Math.floor(innerHeight / rowHeight(layout)) - 1) * columns;
  return {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: page,
    PageUp: -page,
    Home: -count,
    End: count,
  };
}

/** Return the indexes of the tiles near the window, and of the current tile, which keeps the focus out of sight. */
function renderedIndexes({ columns, side, firstRow, endRow }: GridLayout, count: number, current: number): number[] {
  if (!side) return [];
  const indexes = new Set<number>();
  for (let index = firstRow * columns; index < Math.min(endRow * columns, count); index++) indexes.add(index);
  if (current < count) indexes.add(current);
  return [...indexes].sort((a, b) => a - b);
}

function position(layout: GridLayout, index: number) {
  const { columns, side } = layout;
  const x = (index % columns) * (side + GAP);
  const y = Math.floor(index / columns) * rowHeight(layout);
  return { width: `${side}px`, height: `${tileHeight(layout)}px`, transform: `translate(${x}px, ${y}px)` };
}
