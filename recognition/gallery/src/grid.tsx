import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { addressOf, open, opened } from "./address";
import type { Api } from "./api";
import type { Deletions } from "./deletions";
import { Bin, Empty, Warning } from "./icons";
import type { Pictures, Shown } from "./pictures";
import { strings } from "./strings";
import { ShortName } from "./short_name";
import { Preview, Thumbnail } from "./thumbnail";
import type { Upload, Uploads } from "./uploads";

const GAP = 16; // px
const NARROW = 600;
const CAPTION = 58;
const PIXELS_FOR_END = 10; // of a tile's width, for each character of its name's end: most of it
const SPARE_ROWS = 2; // above and below what is seen
const EARLY_ROWS = 6; // before the end, the next page is loaded

interface Properties {
  api: Api;
  pictures: Pictures;
  uploads: Uploads;
  deletions: Deletions;
}

interface Layout {
  columns: number;
  side: number;
  first: number;
  last: number;
}

/** A picture of the list, or one that is on its way in. */
type Item = { name: string; entry: Shown } | { name: string; upload: Upload };

/**
 * The pictures as tiles, of which only those near the window are in the document, however many there are. One of them
 * has the focus's stop; arrow keys move it: https://www.w3.org/WAI/ARIA/apg/practices/keyboard-interface/
 */
export function Grid({ api, pictures, uploads, deletions }: Properties) {
  const list = useRef<HTMLUListElement>(null);
  const [layout, setLayout] = useState<Layout>({ columns: 1, side: 0, first: 0, last: 0 });
  const [active, setActive] = useState<string | null>(null);
  const toFocus = useRef<string | null>(null);

  const entries = pictures.shown.value;
  const coming = pictures.isOfSearch.value ? [] : onTheirWay(uploads.all.value, entries, pictures.awaited.value);
  const items = useMemo<Item[]>(
    () => [
      ...coming.map((upload) => ({ name: upload.title, upload })),
      ...entries.map((entry) => ({ name: entry.image, entry })),
    ],
    [entries, coming.map((upload) => upload.id).join()],
  );
  const places = useMemo(() => new Map(items.map((item, index) => [item.name, index])), [items]);
  const { columns, side, first, last } = layout;
  const rows = Math.ceil(items.length / columns);
  const rowHeight = side + CAPTION + GAP;
  const current = places.get(active ?? "") ?? 0;

  useLayoutEffect(() => {
    const place = list.current!;
    function measure() {
      const { top, width } = place.getBoundingClientRect();
      const smallest = width < NARROW ? 140 : 210;
      const columns = Math.max(2, Math.floor((width + GAP) / (smallest + GAP)));
      const side = Math.floor((width - (columns - 1) * GAP) / columns);
      const height = side + CAPTION + GAP;
      const first = Math.max(0, Math.floor(-top / height) - SPARE_ROWS);
      const last = Math.max(0, Math.ceil((innerHeight - top) / height) + SPARE_ROWS);
      setLayout((old) =>
        old.columns === columns && old.side === side && old.first === first && old.last === last
          ? old
          : { columns, side, first, last },
      );
    }
    const resized = new ResizeObserver(measure);
    resized.observe(document.body); // what is above the grid moves it
    addEventListener("scroll", measure, { passive: true });
    addEventListener("resize", measure);
    measure();
    return () => {
      resized.disconnect();
      removeEventListener("scroll", measure);
      removeEventListener("resize", measure);
    };
  }, []);

  useEffect(() => {
    if (side && last + EARLY_ROWS > rows && !pictures.problem.value) void pictures.more();
  }, [last, rows, side, pictures.isLoading.value]);

  /** Give the focus to the tile that is to have it, as soon as it is in the document. */
  function giveFocus() {
    if (toFocus.current === null) return;
    const place = `[data-place="${places.get(toFocus.current)}"]`;
    const tile = list.current!.querySelector<HTMLElement>(`${place} .tile`);
    if (!tile) return;
    toFocus.current = null;
    tile.focus({ preventScroll: true });
  }
  useLayoutEffect(giveFocus);

  // Who leaves the large picture comes back to its tile.
  const seen = useRef<string | null>(null);
  const large = opened.value; // as drawn: by the time of the effect it may be closed again
  useEffect(() => {
    if (large !== null) seen.current = large;
    else if (seen.current !== null) {
      focus(places.has(seen.current) ? places.get(seen.current)! : current);
      seen.current = null;
    }
  }, [large]);

  function focus(index: number) {
    const item = items[Math.max(0, Math.min(index, items.length - 1))];
    if (!item) return;
    const top = scrollY + list.current!.getBoundingClientRect().top + Math.floor(places.get(item.name)! / columns) * rowHeight;
    const head = document.querySelector("header")?.offsetHeight ?? 0;
    if (top < scrollY + head) scrollTo(0, top - head - GAP);
    else if (top + rowHeight > scrollY + innerHeight) scrollTo(0, top + rowHeight - innerHeight);
    toFocus.current = item.name;
    setActive(item.name);
    giveFocus();
  }

  function remove(entry: Shown) {
    const index = places.get(entry.image) ?? 0;
    const neighbour = items[index + 1] ?? items[index - 1];
    if (neighbour) {
      toFocus.current = neighbour.name;
      setActive(neighbour.name);
    }
    deletions.ask(entry);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(innerHeight / rowHeight) - 1) * columns;
    const steps: Record<string, number> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: columns,
      ArrowUp: -columns,
      PageDown: page,
      PageUp: -page,
      Home: -items.length,
      End: items.length,
    };
    const step = steps[event.key];
    const item = items[current];
    if (step !== undefined) focus(current + step);
    else if (event.key === "Delete" && item && "entry" in item) remove(item.entry);
    else return;
    event.preventDefault();
  }

  const shown = new Set<number>();
  for (let index = first * columns; index < Math.min(last * columns, items.length); index++) shown.add(index);
  if (current < items.length) shown.add(current); // or the focus would be lost where it scrolls away

  return (
    <ul
      ref={list}
      id="pictures"
      class="grid"
      aria-label={strings.pictures}
      aria-describedby="grid-keys"
      style={{ height: `${Math.max(0, rows * rowHeight - GAP)}px` }}
      onKeyDown={onKeyDown}
    >
      {side > 0 &&
        [...shown]
          .sort((a, b) => a - b)
          .map((index) => {
            const item = items[index]!;
            return (
              <li
                key={"entry" in item ? item.name : `upload ${item.upload.id}`}
                data-place={index}
                aria-setsize={pictures.hasMore.value ? -1 : items.length}
                aria-posinset={index + 1}
                style={{
                  width: `${side}px`,
                  height: `${side + CAPTION}px`,
                  transform: `translate(${(index % columns) * (side + GAP)}px, ${Math.floor(index / columns) * rowHeight}px)`,
                }}
                onFocusIn={() => setActive(item.name)}
              >
                {"entry" in item ? (
                  <Tile
                    api={api}
                    entry={item.entry}
                    preview={previewOf(uploads.all.value, item.entry.image)}
                    isStop={index === current}
                    nameEnd={Math.floor(side / PIXELS_FOR_END)}
                    onDelete={() => remove(item.entry)}
                  />
                ) : (
                  <ComingTile
                    upload={item.upload}
                    isStop={index === current}
                    nameEnd={Math.floor(side / PIXELS_FOR_END)}
                  />
                )}
              </li>
            );
          })}
    </ul>
  );
}

interface TileProperties {
  api: Api;
  entry: Shown;
  preview: string | null;
  isStop: boolean;
  /** Characters of the name's end that always show. */
  nameEnd: number;
  onDelete: () => void;
}

function Tile({ api, entry, preview, isStop, nameEnd, onDelete }: TileProperties) {
  const { failure, image, labels } = entry;
  const seen = failure ? failure.message : labels.join(", ") || strings.noLabels;
  const badge = failure ? strings.failedBadge : entry.confidence === undefined ? "" : strings.sure(entry.confidence);
  return (
    <>
      <a class="tile" href={addressOf(image)} tabIndex={isStop ? 0 : -1} draggable={false} onClick={onClick}>
        <Thumbnail key={entry.uploaded_at} api={api} entry={entry} preview={preview} />
        <span class="name">
          <ShortName name={image} end={nameEnd} />
        </span>
        <span class="seen" title={seen}>
          {!failure && !labels.length && <Empty />} {seen}
        </span>
        {badge && (
          <span class={failure ? "badge failed" : "badge"}>
            {failure && <Warning />} {badge}
          </span>
        )}
      </a>
      <button
        class="bin"
        tabIndex={-1} // the Delete key does it where the focus is
        aria-label={strings.deleteNamed(entry.image)}
        title={strings.delete}
        onClick={onDelete}
      >
        <Bin />
      </button>
    </>
  );

  function onClick(event: MouseEvent) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // in a tab of its own
    event.preventDefault();
    open(entry.image);
  }
}

function ComingTile({ upload, isStop, nameEnd }: { upload: Upload; isStop: boolean; nameEnd: number }) {
  return (
    <div class="tile" role="group" aria-label={upload.title} tabIndex={isStop ? 0 : -1}>
      <span class="thumbnail coming">
        <Preview address={upload.preview} />
      </span>
      <span class="name">
        <ShortName name={upload.title} end={nameEnd} />
      </span>
      <span class="badge pending">{strings.pendingBadge}</span>
    </div>
  );
}

/** Those that are being recognised, or were and are not listed yet. */
function onTheirWay(uploads: Upload[], entries: Shown[], awaited: ReadonlyMap<string, string>): Upload[] {
  const going = uploads.filter(({ title, progress: { value } }) =>
    value.is === "done" ? awaited.get(title) === value.picture.uploaded_at : value.is === "recognizing",
  );
  if (!going.length) return going;
  const listed = new Set(entries.map((entry) => entry.image));
  return going.filter((upload) => !listed.has(upload.title));
}

/** The file in this browser that the picture was made of; one that was refused is another picture. */
function previewOf(uploads: Upload[], image: string): string | null {
  const isOfImage = (upload: Upload) =>
    upload.title === image && ["recognizing", "done"].includes(upload.progress.value.is);
  return uploads.find(isOfImage)?.preview ?? null;
}
