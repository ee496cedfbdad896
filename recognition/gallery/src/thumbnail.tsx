import { useEffect, useState } from "preact/hooks";
import { type Api, pause } from "./api";
import { Picture } from "./icons";
import { isOld, type Shown } from "./pictures";
import { strings } from "./strings";

const YOUNG = 120_000; // ms after the upload, in which a thumbnail may still be made
const LOOKS = 6;
const FIRST_PAUSE = 600;

/** Addresses that were found later than the list, null where there is no thumbnail; tiles come and go as one scrolls. */
const found = new Map<string, string | null>();

interface Properties {
  api: Api;
  entry: Shown;
  /** What to show until there is a thumbnail. */
  preview: string | null;
}

/** The thumbnail, as soon as it is made, or a placeholder. */
export function Thumbnail({ api, entry, preview }: Properties) {
  const key = `${entry.uploaded_at} ${entry.image}`;
  const listed = entry.thumbnail_url ?? null;
  const [address, setAddress] = useState(found.has(key) ? found.get(key)! : listed);
  const [looks, setLooks] = useState(0);
  const [isThere, setThere] = useState(false);

  useEffect(() => {
    if (!looks) return;
    let isWanted = true;
    (async () => {
      const isYoung = Date.now() - Date.parse(entry.uploaded_at) < YOUNG;
      const isLast = isYoung ? looks > LOOKS : looks > 1 || !isOld(entry);
      if (isYoung && !isLast) await pause(FIRST_PAUSE * 1.6 ** looks);
      if (!isWanted) return;
      const picture = isLast ? null : await api.picture(entry.image).catch(() => null);
      found.set(key, picture?.thumbnail_url ?? null);
      if (isWanted) setAddress(found.get(key)!);
    })();
    return () => {
      isWanted = false;
    };
  }, [looks]);

  const shown = isThere ? null : preview;
  return (
    <span class="thumbnail">
      {shown && <img src={shown} alt="" draggable={false} />}
      {address && (
        <img
          key={looks}
          class={isThere ? "there" : "coming"}
          src={address}
          alt=""
          decoding="async"
          draggable={false}
          onLoad={() => setThere(true)}
          onError={() => setLooks(looks + 1)}
        />
      )}
      {!address && !shown && <Placeholder />}
    </span>
  );
}

export function Placeholder() {
  return (
    <span class="placeholder">
      <Picture />
      <small>{strings.noThumbnail}</small>
    </span>
  );
}
