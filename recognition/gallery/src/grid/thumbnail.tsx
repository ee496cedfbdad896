import { useEffect, useState } from "preact/hooks";
import type { Api } from "../api/api";
import type { ListEntry, Page } from "../api/documents";
import { pauseBeforeRetry } from "../shared/pause";
import { isBlurred } from "../shared/revealed";
import { Preview } from "../shared/preview";
import { strings } from "../strings";
import { type GridEntry, isUrlExpired } from "./picture_list";
import "./thumbnail.css";

const MAKING_MINUTES = 10; // after an upload; later, a missing thumbnail stays missing
const NEWEST_SIZE = 1000;
/** After more failures than this, the tile says that there is no thumbnail. The retries go on. */
const SILENT_FAILURES = 2;

type DatedUrl = Pick<GridEntry, "thumbnail_url" | "receivedAt">;

/** URLs that arrived later than the list. They outlive a tile that is scrolled out of sight. */
const laterUrls = new Map<string, DatedUrl>();

interface Properties {
  api: Api;
  entry: GridEntry;
  /** The `blob:` URL of the file, shown until the thumbnail exists. */
  preview: string | null;
}

/** Shows the thumbnail as soon as it exists, or the reason why there is none. */
export function Thumbnail({ api, entry, preview }: Properties) {
  const { url, attempt, failures, onError } = useThumbnailUrl(api, entry);
  const [isLoaded, setLoaded] = useState(false);
  const isLate = failures > SILENT_FAILURES || isMissing(entry, url);
  const reason = isLate ? (url ? strings.thumbnailFails : strings.noThumbnail) : strings.noPreview;
  return (
    <span class={isBlurred(entry) ? "thumbnail blurred" : "thumbnail"}>
      {!isLoaded && (preview || entry.failure || isLate) && (
        <Preview url={preview} reason={entry.failure?.message ?? reason} isFailure={entry.failure !== null} />
      )}
      {url && (
        <img
          key={attempt}
          class={isLoaded ? "loaded" : "loading"}
          src={url}
          alt=""
          decoding="async"
          draggable={false}
          onLoad={() => setLoaded(true)}
          onError={onError}
        />
      )}
    </span>
  );
}

/** Ask for the thumbnail's URL again when it is missing, has expired or does not load. */
function useThumbnailUrl(api: Api, entry: GridEntry) {
  const key = `${entry.uploaded_at} ${entry.image}`;
  const [current, setCurrent] = useState<DatedUrl>(() => newer(entry, laterUrls.get(key)));
  const [attempt, setAttempt] = useState(0);
  const [failures, setFailures] = useState(current.thumbnail_url ? 0 : 1);

  useEffect(() => {
    if (!failures || isMissing(entry, current.thumbnail_url)) return;
    let isMounted = true;
    (async () => {
      if (failures > 1 || !isUrlExpired(current)) await pauseBeforeRetry(failures);
      if (!isMounted) return;
      const url = await readUrl(api, entry, current).catch(() => undefined);
      if (url) laterUrls.set(key, { thumbnail_url: url, receivedAt: Date.now() });
      if (!isMounted) return;
      const next = newer(current, laterUrls.get(key));
      setCurrent(next);
      setAttempt(failures); // loads the image again, even from the same URL
      if (!next.thumbnail_url) setFailures(failures + 1);
    })();
    return () => {
      isMounted = false;
    };
  }, [failures]);

  return { url: current.thumbnail_url, attempt, failures, onError: () => setFailures(attempt + 1) };
}

/** Return a new URL, or undefined if the current one is still good or the thumbnail does not exist yet. */
async function readUrl(api: Api, entry: GridEntry, current: DatedUrl): Promise<string | undefined> {
  if (!current.thumbnail_url) return listedUrl(api, entry);
  return isUrlExpired(current) ? (await api.picture(entry.image))?.thumbnail_url : undefined;
}

let listing: Promise<Page> | null = null;

/** Find the URL of a new thumbnail in the list. Tiles that ask at the same time share one call. */
async function listedUrl(api: Api, { image, uploaded_at }: ListEntry): Promise<string | undefined> {
  listing ??= api.newest(NEWEST_SIZE).finally(() => (listing = null));
  return (await listing).entries.find((e) => e.image === image && e.uploaded_at === uploaded_at)?.thumbnail_url;
}

/** Return true if there is no thumbnail and none will follow. */
function isMissing(entry: GridEntry, url: string | undefined): boolean {
  const isOld = Date.now() - Date.parse(entry.uploaded_at) >= MAKING_MINUTES * 60_000;
  return !url && (entry.failure !== null || isOld);
}

const newer = (one: DatedUrl, other: DatedUrl | undefined) => (other && other.receivedAt > one.receivedAt ? other : one);
