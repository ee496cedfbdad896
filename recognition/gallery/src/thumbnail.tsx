import { useEffect, useState } from "preact/hooks";
import { type Api, type Entry, type Page, pause } from "./api";
import { Picture, Warning } from "./icons";
import { isOld, type Shown } from "./pictures";
import { strings } from "./strings";

const FIRST_PAUSE = 600;
const MAKING_MINUTES = 10; // after an upload; then a thumbnail that is not there is not waited for
const NEWEST = 1000;

/** Looks that have failed, after which it is said so. It is looked for on. */
export const PATIENCE = 2;

/** Wait before the next look at what may still be made of an upload: ever longer. */
export const waitForMaking = (looks: number) => pause(FIRST_PAUSE * 1.6 ** looks);

type Address = Pick<Entry, "thumbnail_url">;
type Dated = Pick<Shown, "thumbnail_url" | "since">;

let looking: Promise<Page> | null = null;

/** The address of a thumbnail that was just made. Tiles that look at the same time share one call. */
async function newAddress(api: Api, entry: Shown): Promise<Address | null> {
  looking ??= api.newest(NEWEST).finally(() => (looking = null));
  const listed = (await looking).entries.find((e) => e.image === entry.image && e.uploaded_at === entry.uploaded_at);
  return listed ?? null;
}

const isInMaking = (entry: Shown) => Date.now() - Date.parse(entry.uploaded_at) < MAKING_MINUTES * 60_000;

/** Addresses that were found later than the list; tiles come and go as one scrolls. */
const found = new Map<string, Dated>();

interface Properties {
  api: Api;
  entry: Shown;
  /** What to show until there is a thumbnail. */
  preview: string | null;
}

/** The thumbnail, as soon as it is made; without one, the reason why there is none. */
export function Thumbnail({ api, entry, preview }: Properties) {
  const key = `${entry.uploaded_at} ${entry.image}`;
  const [address, setAddress] = useState<Dated>(() => latest(entry, found.get(key)));
  const [look, setLook] = useState(0);
  const [failures, setFailures] = useState(address.thumbnail_url ? 0 : 1);
  const [isThere, setThere] = useState(false);
  const isMissing = !address.thumbnail_url && (entry.failure !== null || !isInMaking(entry));

  useEffect(() => {
    if (!failures || isMissing) return;
    let isWanted = true;
    (async () => {
      if (failures > 1 || !isOld(address)) await waitForMaking(failures);
      if (!isWanted) return;
      let made: Address | null = null;
      if (!address.thumbnail_url) made = await newAddress(api, entry).catch(() => null);
      else if (isOld(address)) made = await api.picture(entry.image).catch(() => null);
      if (made?.thumbnail_url) found.set(key, { thumbnail_url: made.thumbnail_url, since: Date.now() });
      if (!isWanted) return;
      const next = latest(address, found.get(key));
      setAddress(next);
      setLook(failures); // the address may be the same one
      if (!next.thumbnail_url) setFailures(failures + 1);
    })();
    return () => {
      isWanted = false;
    };
  }, [failures]);

  const isLate = failures > PATIENCE || isMissing;
  const reason = isLate ? (address.thumbnail_url ? strings.thumbnailFails : strings.noThumbnail) : strings.noPreview;
  return (
    <span class="thumbnail">
      {!isThere && (preview || entry.failure || isLate) && (
        <Preview address={preview} reason={entry.failure?.message ?? reason} isFailure={entry.failure !== null} />
      )}
      {address.thumbnail_url && (
        <img
          key={look}
          class={isThere ? "there" : "coming"}
          src={address.thumbnail_url}
          alt=""
          decoding="async"
          draggable={false}
          onLoad={() => setThere(true)}
          onError={() => setFailures(look + 1)}
        />
      )}
    </span>
  );
}

const latest = (one: Dated, other: Dated | undefined) => (other && other.since > one.since ? other : one);

interface PreviewProperties {
  /** A blob: URL of the file, if the browser may know how to show it. */
  address: string | null;
  /** Said where the file is not shown. */
  reason?: string;
  isFailure?: boolean;
}

/** A file in this browser, or a placeholder where the browser cannot show it. What is around it says its name and state. */
export function Preview({ address, reason = strings.noPreview, isFailure = false }: PreviewProperties) {
  const [isShown, setShown] = useState(true);
  if (address && isShown) {
    return <img src={address} alt="" loading="lazy" draggable={false} onError={() => setShown(false)} />;
  }
  return (
    <span class={isFailure ? "placeholder failed" : "placeholder"} aria-hidden="true">
      {isFailure ? <Warning /> : <Picture />}
      <small>{reason}</small>
    </span>
  );
}
