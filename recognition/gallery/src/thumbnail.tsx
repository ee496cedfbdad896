import { useEffect, useState } from "preact/hooks";
import { type Api, pause } from "./api";
import { Picture } from "./icons";
import { isOld, type Shown } from "./pictures";
import { strings } from "./strings";

const YOUNG = 120_000; // ms after the upload, in which what is shown of it may still be made
const LOOKS = 6;
const FIRST_PAUSE = 600;

/** Wait before the next look at what is made of an upload; whether there is to be one. */
export async function waitForMaking(uploadedAt: string, looks: number): Promise<boolean> {
  if (Date.now() - Date.parse(uploadedAt) > YOUNG || looks > LOOKS) return false;
  await pause(FIRST_PAUSE * 1.6 ** looks);
  return true;
}

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
  const [address, setAddress] = useState(found.has(key) ? found.get(key)! : entry.thumbnail_url);
  const [look, setLook] = useState(0);
  const [failures, setFailures] = useState(0);
  const [isThere, setThere] = useState(false);

  useEffect(() => {
    if (!failures) return;
    let isWanted = true;
    (async () => {
      const isNext = (failures === 1 && isOld(entry)) || (await waitForMaking(entry.uploaded_at, failures));
      if (!isWanted) return;
      const picture = isNext ? await api.picture(entry.image).catch(() => null) : null;
      found.set(key, picture?.thumbnail_url ?? null);
      if (!isWanted) return;
      setAddress(found.get(key)!);
      setLook(failures); // the address may be the same one
    })();
    return () => {
      isWanted = false;
    };
  }, [failures]);

  const shown = isThere ? null : preview;
  return (
    <span class="thumbnail">
      {shown && <img src={shown} alt="" draggable={false} />}
      {address && (
        <img
          key={look}
          class={isThere ? "there" : "coming"}
          src={address}
          alt=""
          decoding="async"
          draggable={false}
          onLoad={() => setThere(true)}
          onError={() => setFailures(look + 1)}
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
